//! The configuration of the embedded nats-server: loopback, JetStream, one nkey per role with that role's permissions.

use crate::CliError;
use if_bus::nkey;
use if_home::{Home, private};
use std::path::{Path, PathBuf};

/// The same table an own NATS is set up with.
const PERMISSIONS: &str = include_str!("../../ops/nats/permissions.conf");
/// Port the embedded server prefers; `up` takes another one if it is in use.
pub const PORT_DEFAULT: u16 = 4222;

/// Public nkeys (`U…`) by role.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PublicNkeys {
    operator: String,
    worker: String,
    broker: String,
}

/// First line of the file for as long as it is ours to write.
const HEADER: &str = "# Written by `ifctl`, anew whenever its permissions change. Without this line the file is yours and stays as it is.";

/// Where the file is.
pub fn file(home: &Home) -> PathBuf {
    home.nats_dir().join("nats.conf")
}

/// The content for a home directory, from the nkey seeds in it.
pub fn content(home: &Home) -> Result<String, CliError> {
    let nkeys = PublicNkeys {
        operator: public(home, "operator")?,
        worker: public(home, "worker")?,
        broker: public(home, "broker")?,
    };
    Ok(render(&home.nats_dir().join("data"), &nkeys))
}

/// Replaces a file that an older version wrote. True if it did.
pub fn bring_up_to_date(home: &Home) -> Result<bool, CliError> {
    let path = file(home);
    let text = std::fs::read_to_string(&path).map_err(|e| {
        CliError::config(
            format!("{} cannot be read: {e}", path.display()),
            "run `ifctl init`, which makes what is missing",
        )
    })?;
    let content = content(home)?;
    if text.lines().next() != Some(HEADER) || text == content {
        return Ok(false);
    }
    private::replace(&path, content.as_bytes())?;
    Ok(true)
}

fn public(home: &Home, role: &str) -> Result<String, CliError> {
    let path = home.nats_seed_file(role);
    let seed = private::read_secret(&path, "it holds a NATS key")?;
    nkey::public_of(&seed)
        .map_err(|e| CliError::config(format!("{}: {e}", path.display()), "remove the file and run `ifctl init` again"))
}

/// The whole file.
fn render(store: &Path, nkeys: &PublicNkeys) -> String {
    let permissions = PERMISSIONS
        .replace("{{OPERATOR_NKEY}}", &nkeys.operator)
        .replace("{{WORKER_NKEY}}", &nkeys.worker)
        .replace("{{BROKER_NKEY}}", &nkeys.broker);
    format!(
        "{HEADER}\n\
         # `ifctl up` starts nats-server with it; the port may be replaced on its command line.\n\
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
