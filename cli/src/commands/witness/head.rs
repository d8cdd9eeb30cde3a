//! `witness head`: save it somewhere else, and the log can never be cut or rewritten unnoticed.

use crate::{
    CliError,
    context::Context,
    output::{table, value},
};
use if_schemas::{
    Head,
    query::{self, HeadAnswer},
};
use serde_json::json;

pub fn run(context: &Context) -> Result<(), CliError> {
    let (answer, head) = context.with_client(async |client| {
        let answer: HeadAnswer = client.query(query::HEAD).await?;
        let head: Head = client.open_from_broker(&answer.head).await?;
        Ok((answer, head))
    })?;
    if context.out.is_json() {
        let envelope = hex::encode(answer.head.encode()?);
        let document = json!({"log": head.log, "index": head.index, "hash": head.hash, "at": head.at, "broker": answer.broker, "head": envelope});
        return context.out.document(&document);
    }
    let rows = [
        ("entry", format!("#{}", head.index)),
        ("hash", head.hash.to_string()),
        ("at", value::time(head.at)),
        ("log", head.log.to_string()),
        ("signed by", format!("broker, key {}", answer.head.key())),
    ];
    context.out.text(&table::fields(context.out.style(), "", &rows.map(|(n, v)| (n.to_string(), v))))
}
