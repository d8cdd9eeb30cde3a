//! The configuration of the embedded nats-server: loopback, JetStream, one nkey per role with that role's permissions.

use std::path::Path;

/// The same table an own NATS is set up with.
const PERMISSIONS: &str = include_str!("../../ops/nats/permissions.conf");
/// Port the embedded server prefers; `up` takes another one if it is in use.
pub const PORT_DEFAULT: u16 = 4222;

/// Public nkeys (`U…`) by role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicNkeys {
    pub operator: String,
    pub worker: String,
    pub broker: String,
}

/// The whole file.
pub fn render(store: &Path, nkeys: &PublicNkeys) -> String {
    let permissions = PERMISSIONS
        .replace("{{OPERATOR_NKEY}}", &nkeys.operator)
        .replace("{{WORKER_NKEY}}", &nkeys.worker)
        .replace("{{BROKER_NKEY}}", &nkeys.broker);
    format!(
        "# Written by `ifctl init`. `ifctl up` starts nats-server with it; the port may be replaced on its command line.\n\
         server_name: \"infrafabric\"\n\
         listen: \"127.0.0.1:{PORT_DEFAULT}\"\n\
         # The largest message of the contract is 786,432 bytes.\n\
         max_payload: 1MB\n\
         ping_interval: \"20s\"\n\
         ping_max: 2\n\
         write_deadline: \"2s\"\n\
         jetstream {{\n  store_dir: {}\n  # The work queue is kept in memory: the log, not NATS, survives a restart.\n  \
         max_memory_store: 512MB\n  max_file_store: 1GB\n}}\n\n{permissions}",
        quoted(store)
    )
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_of_the_shared_table_is_filled_in() {
        let nkeys = PublicNkeys { operator: "UOP".into(), worker: "UWO".into(), broker: "UBR".into() };
        let text = render(Path::new("/home/x y/.if/nats/data"), &nkeys);
        let own = text.lines().filter(|l| !l.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n");
        assert!(!own.contains("{{"), "{own}");
        for nkey in ["nkey: \"UOP\"", "nkey: \"UWO\"", "nkey: \"UBR\""] {
            assert_eq!(own.matches(nkey).count(), 1, "{nkey}");
        }
        assert!(own.contains("store_dir: \"/home/x y/.if/nats/data\""));
        assert!(own.contains("listen: \"127.0.0.1:4222\""));
    }
}
