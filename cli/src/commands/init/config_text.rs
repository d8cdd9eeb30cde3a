//! The configuration a new home directory starts with.

/// Every setting with its default; what is commented out holds as written.
pub const CONFIG: &str = "\
# InfraFabric configuration. `ifctl config check` reads it, `ifctl config show` says what holds.
# `~/.if/...` always means the directory this file is in.
if:
  witness:
    enabled: true                          # cannot be switched off: nothing runs that is not in the log
    signing_key: ~/.if/keys/ed25519.key    # your private key
  optimise:
    enabled: true
    budget_alerts: true
    cost_tracking: true
  ground:
    philosophy: wu_lun
    principles:
      - open_source_first
      - validate_with_toolchain
      - observability_without_fragility
  # nats:
  #   url: nats://127.0.0.1:4222           # your own NATS; without it `ifctl up` starts one
  # broker:
  #   http_addr: 127.0.0.1:9464            # metrics and health
  #   data_dir: ~/.if/witness              # where the log is
  # worker:
  #   node: local                          # name of this node
  # defaults:
  #   deadline: 10s                        # of commands that name none
";

#[cfg(test)]
mod tests {
    use super::CONFIG;
    use if_home::Config;
    use std::path::Path;

    #[test]
    fn it_is_valid_as_written_and_with_everything_uncommented() {
        let path = Path::new("/home/x/.if/config.yaml");
        assert_eq!(Config::parse(path, CONFIG).unwrap().witness.signing_key, Path::new("/home/x/.if/keys/ed25519.key"));
        let body = CONFIG.split_once("if:\n").unwrap().1;
        let uncomment = |line: &str| line.strip_prefix("  # ").map_or(line.to_string(), |rest| format!("  {rest}"));
        let uncommented = format!("if:\n{}", body.lines().map(|l| uncomment(l) + "\n").collect::<String>());
        let config = Config::parse(path, &uncommented).unwrap();
        assert_eq!(config.defaults.deadline_us, Some(10_000_000));
        assert_eq!(config.worker.node.unwrap().as_str(), "local");
    }
}
