//! Filters of sources.

use super::{
    Context, Outcome, bad_argument,
    change::Change,
    free::scrub,
    input::{keys, settings_wanted},
    names::{self, FILTER_KINDS, FILTERS},
};
use crate::wanted::{Reading, Wanted, quote};
use if_engine::Execution;
use serde_json::{Value, json};

pub async fn run(context: &Context<'_>, verb: &str) -> Outcome {
    match verb {
        "list" => list(context).await,
        "add" => add(context).await,
        "remove" => remove(context).await,
        "rename" => rename(context).await,
        "enable" => enable(context, true).await,
        "disable" => enable(context, false).await,
        "order" => order(context).await,
        "settings" => settings(context).await,
        "set" => set(context).await,
        _ => Err(context.unknown()),
    }
}

/// The source and its filters.
async fn filters<'a>(context: &Context<'a>) -> Result<(&'a str, Value), Execution> {
    let source = context.source("source").await?;
    let answer = context.ask("GetSourceFilterList", json!({"sourceName": source})).await?;
    Ok((source, answer))
}

/// The source and a filter it has.
async fn found<'a>(context: &Context<'a>) -> Result<(&'a str, &'a str, Value), Execution> {
    let filter = context.name("filter")?;
    let (source, answer) = filters(context).await?;
    names::require(FILTERS.what, filter, FILTERS.names(&answer))?;
    Ok((source, filter, answer))
}

fn lane(context: &Context<'_>, of: &str) -> Result<String, Execution> {
    Ok(format!("filter {of} {:?} {}", context.name("source")?, context.name("filter")?))
}

/// `{"source", "filters": [{"filter", "kind", "enabled", "index"}]}`.
async fn list(context: &Context<'_>) -> Outcome {
    let (source, answer) = filters(context).await?;
    let one = |f: &Value| json!({"filter": f["filterName"], "kind": f["filterKind"], "enabled": f["filterEnabled"], "index": f["filterIndex"]});
    Ok(json!({"source": source, "filters": FILTERS.entries(&answer).iter().map(one).collect::<Vec<_>>()}))
}

/// `{"source", "filter", "kind", "changed": true, "confirmed_by"}`.
async fn add(context: &Context<'_>) -> Outcome {
    let (filter, kind) = (context.name("filter")?, context.name("kind")?);
    let settings = context.object("settings")?;
    let turn = context.in_line(format!("filters {}", context.name("source")?)).await?;
    let (source, answer) = filters(context).await?;
    names::free(FILTERS.what, filter, FILTERS.names(&answer))?;
    // Earlier versions do not list their kinds; then OBS itself refuses.
    if let Ok(kinds) = context.ask("GetSourceFilterKindList", json!({})).await {
        names::require(FILTER_KINDS.what, kind, FILTER_KINDS.names(&kinds))?;
    }
    let wanted = Wanted::listed("GetSourceFilterList", json!({"sourceName": source}), FILTERS, filter, true)
        .told("SourceFilterCreated", [("sourceName", source.into()), ("filterName", filter.into())]);
    let data = json!({"sourceName": source, "filterName": filter, "filterKind": kind, "filterSettings": settings});
    let document = json!({"source": source, "filter": filter, "kind": kind});
    context.make(turn, Change { request: "CreateSourceFilter", data, wanted }, document).await
}

/// `{"source", "filter", "changed": true, "confirmed_by"}`.
async fn remove(context: &Context<'_>) -> Outcome {
    let turn = context.in_line(format!("filters {}", context.name("source")?)).await?;
    let (source, filter, _) = found(context).await?;
    let wanted = Wanted::listed("GetSourceFilterList", json!({"sourceName": source}), FILTERS, filter, false)
        .told("SourceFilterRemoved", [("sourceName", source.into()), ("filterName", filter.into())]);
    let data = json!({"sourceName": source, "filterName": filter});
    let document = json!({"source": source, "filter": filter});
    context.make(turn, Change { request: "RemoveSourceFilter", data, wanted }, document).await
}

/// `{"source", "filter": new name, "previous": old name, "changed": true, "confirmed_by"}`.
async fn rename(context: &Context<'_>) -> Outcome {
    let name = context.name("name")?;
    let turn = context.in_line(format!("filters {}", context.name("source")?)).await?;
    let (source, filter, answer) = found(context).await?;
    names::free(FILTERS.what, name, FILTERS.names(&answer))?;
    let wanted = Wanted::listed("GetSourceFilterList", json!({"sourceName": source}), FILTERS, name, true)
        .told("SourceFilterNameChanged", [("sourceName", source.into()), ("filterName", name.into())]);
    let data = json!({"sourceName": source, "filterName": filter, "newFilterName": name});
    let document = json!({"source": source, "filter": name, "previous": filter});
    context.make(turn, Change { request: "SetSourceFilterName", data, wanted }, document).await
}

/// `{"source", "filter", "enabled": bool, "changed", "confirmed_by"}`.
async fn enable(context: &Context<'_>, on: bool) -> Outcome {
    let turn = context.turn(lane(context, "enabled")?).await?;
    let (source, filter, _) = found(context).await?;
    let words = format!("filter {} of {} {}", quote(filter), quote(source), if on { "enabled" } else { "disabled" });
    let data = json!({"sourceName": source, "filterName": filter});
    let wanted = Wanted::field(words, "GetSourceFilter", data, "/filterEnabled", on.into()).told(
        "SourceFilterEnableStateChanged",
        [("sourceName", source.into()), ("filterName", filter.into()), ("filterEnabled", on.into())],
    );
    let data = json!({"sourceName": source, "filterName": filter, "filterEnabled": on});
    let document = json!({"source": source, "filter": filter, "enabled": on});
    context.set(turn, Change { request: "SetSourceFilterEnabled", data, wanted }, document).await
}

/// `{"source", "filter", "index": n, "changed", "confirmed_by"}`.
async fn order(context: &Context<'_>) -> Outcome {
    let index = context.call.integer("index").unwrap_or_default();
    let turn = context.turn(lane(context, "order")?).await?;
    let (source, filter, answer) = found(context).await?;
    let last = FILTERS.entries(&answer).len().saturating_sub(1);
    if usize::try_from(index).is_ok_and(|index| index > last) {
        return Err(bad_argument(format!("there is no place {index}"), &format!("places go from 0 to {last}")));
    }
    let name = filter.to_owned();
    let words = format!("filter {} at place {index}", quote(filter));
    let wanted = Wanted::new(words, "GetSourceFilterList", json!({"sourceName": source}), move |answer| {
        let place = FILTERS.names(answer).iter().position(|known| *known == name);
        let reached = place.is_some_and(|place| usize::try_from(index).is_ok_and(|index| index == place));
        Reading::at_once(reached, format!("that it is at place {place:?}"))
    })
    .told("SourceFilterListReindexed", [("sourceName", source.into())])
    .without_patience();
    let data = json!({"sourceName": source, "filterName": filter, "filterIndex": index});
    let document = json!({"source": source, "filter": filter, "index": index});
    context.set(turn, Change { request: "SetSourceFilterIndex", data, wanted }, document).await
}

/// `{"source", "filter", "kind", "enabled", "settings": {…}}`. Passwords and keys are shown as `[redacted]`.
async fn settings(context: &Context<'_>) -> Outcome {
    let (source, filter, _) = found(context).await?;
    let answer = context.ask("GetSourceFilter", json!({"sourceName": source, "filterName": filter})).await?;
    let mut document = json!({
        "source": source,
        "filter": filter,
        "kind": answer["filterKind"],
        "enabled": answer["filterEnabled"],
        "settings": answer["filterSettings"],
    });
    scrub(&mut document);
    Ok(document)
}

/// `{"source", "filter", "settings": {what was given}, "changed", "confirmed_by"}`.
async fn set(context: &Context<'_>) -> Outcome {
    let (settings, replace) = (context.object("settings")?, context.flag("replace"));
    let turn = context.turn(lane(context, &format!("settings {}", keys(&settings)))?).await?;
    let (source, filter, _) = found(context).await?;
    let words = format!("these settings of filter {}", quote(filter));
    let data = json!({"sourceName": source, "filterName": filter});
    let wanted = settings_wanted(words, "GetSourceFilter", data, "/filterSettings", &settings)
        .told("SourceFilterSettingsChanged", [("sourceName", source.into()), ("filterName", filter.into())])
        .without_patience();
    let data = json!({"sourceName": source, "filterName": filter, "filterSettings": settings, "overlay": !replace});
    let change = Change { request: "SetSourceFilterSettings", data, wanted };
    let document = json!({"source": source, "filter": filter, "settings": settings});
    match replace {
        true => context.make(turn, change, document).await,
        false => context.set(turn, change, document).await,
    }
}
