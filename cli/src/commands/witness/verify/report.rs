//! What a verification proved.

use crate::{
    CliError,
    commands::witness::finder::Found,
    context::Context,
    output::{Style, table, value},
};
use if_schemas::{Head, KeyId, Member, Trust};
use serde_json::{Value, json};
use std::time::Duration;

pub struct Report {
    /// First entry read.
    pub from: u64,
    pub head: Head,
    pub signatures: u64,
    pub payloads: u64,
    /// Commands of runs that were ordered before the first entry read: nobody can say here whether they were ordered.
    pub unordered: u64,
    pub took: Duration,
    /// The first entry was held against something known beforehand.
    pub pinned: bool,
    pub owners: Vec<(KeyId, Member)>,
    pub saved: Option<Head>,
    pub trust: Trust,
    pub found: Option<Vec<Found>>,
}

impl Report {
    pub fn show(&self, context: &Context) -> Result<(), CliError> {
        match context.out.is_json() {
            true => context.out.document(&self.document()),
            false => context.out.text(&self.human(context.out.style())),
        }
    }

    fn entries(&self) -> u64 {
        self.head.index - self.from + 1
    }

    fn per_second(&self) -> u64 {
        (self.entries() as f64 / self.took.as_secs_f64().max(1e-6)) as u64
    }

    pub fn document(&self) -> Value {
        let owner = |(id, m): &(KeyId, Member)| json!({"name": m.name, "role": m.role, "key_id": id, "key": m.key});
        let found = |f: &Found| {
            json!({"index": f.index, "hash": f.hash, "prev": f.prev, "at": f.at, "kind": f.kind, "command_id": f.command,
                   "signer": f.signer, "signer_name": self.name(f.signer)})
        };
        json!({
            "status": "verified",
            "log": self.head.log,
            "from": self.from,
            "head": {"index": self.head.index, "hash": self.head.hash, "at": self.head.at},
            "entries": self.entries(),
            "signatures": self.signatures,
            "payloads": self.payloads,
            "commands_of_earlier_orders": self.unordered,
            "took_us": i64::try_from(self.took.as_micros()).unwrap_or(i64::MAX),
            "entries_per_second": self.per_second(),
            "anchor_pinned": self.pinned,
            "owners": self.owners.iter().map(owner).collect::<Vec<_>>(),
            "against": self.saved.map(|h| json!({"index": h.index, "hash": h.hash, "at": h.at})),
            "operation": self.found.as_ref().map(|f| f.iter().map(found).collect::<Vec<_>>()),
        })
    }

    pub fn human(&self, style: Style) -> String {
        let took = value::duration(i64::try_from(self.took.as_micros()).unwrap_or(i64::MAX));
        let mut out = format!(
            "{}: {} entries, {} signatures, {} payloads in {took} ({} entries/s)\n",
            style.green("Verified"),
            self.entries(),
            self.signatures,
            self.payloads,
            self.per_second()
        );
        let owners = self
            .owners
            .iter()
            .map(|(id, m)| format!("{} {} (key {id})", m.role.as_str(), m.name))
            .collect::<Vec<_>>()
            .join(", ");
        let mut rows = vec![
            ("log".to_string(), self.head.log.to_string()),
            ("head".to_string(), format!("#{} {} signed by the broker", self.head.index, self.head.hash)),
            ("of".to_string(), owners),
        ];
        if self.from > 0 {
            rows.push((
                "range".into(),
                format!("#{} to #{}; what came before is not in the file", self.from, self.head.index),
            ));
        }
        if self.unordered > 0 {
            rows.push((
                "runs".into(),
                format!(
                    "{} commands are of runs ordered before #{}: their orders are not in the file",
                    self.unordered, self.from
                ),
            ));
        }
        if let Some(saved) = &self.saved {
            rows.push((
                "saved head".into(),
                format!("#{} of {} is part of this log", saved.index, value::time(saved.at)),
            ));
        }
        out.push_str(&table::fields(style, "  ", &rows));
        if !self.pinned {
            out.push_str(&format!(
                "{}\n",
                style.yellow("The keys above were not known beforehand: compare them, or give them with --trust.")
            ));
        }
        if let Some(found) = &self.found {
            out.push_str(&self.proof(style, found));
        }
        out
    }

    fn proof(&self, style: Style, found: &[Found]) -> String {
        let id = found.first().map(|f| f.command.to_string()).unwrap_or_default();
        let row = |f: &Found| {
            let signer = f.signer.map_or("broker".to_string(), |k| {
                format!("{} {}", self.name(f.signer).unwrap_or_default(), value::short(k))
            });
            vec![format!("#{}", f.index), f.kind.to_string(), value::time(f.at), signer, f.hash.to_string()]
        };
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        let table = table::table(style, &["ENTRY", "KIND", "TIME", "SIGNED BY", "HASH"], &rows, None);
        format!("Operation {id}: each entry below is in the verified chain\n{table}")
    }

    fn name(&self, key: Option<KeyId>) -> Option<String> {
        self.trust.standing(&key?).map(|s| s.member.name.to_string())
    }
}
