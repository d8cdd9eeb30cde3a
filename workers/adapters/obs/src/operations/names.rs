//! Names that were given, held against those that OBS has before anything is sent.

use super::{Context, bad_argument};
use crate::{
    limits::HINT_NAMES_MAX,
    wanted::{List, quote},
};
use if_engine::Execution;
use if_manifest::args::nearest;
use serde_json::{Value, json};

pub const SCENES: List = List { what: "scene", field: "scenes", key: "sceneName" };
pub const GROUPS: List = List { what: "group", field: "groups", key: "" };
pub const INPUTS: List = List { what: "input", field: "inputs", key: "inputName" };
pub const KINDS: List = List { what: "input kind", field: "inputKinds", key: "" };
pub const FILTERS: List = List { what: "filter", field: "filters", key: "filterName" };
pub const FILTER_KINDS: List = List { what: "filter kind", field: "sourceFilterKinds", key: "" };
pub const TRANSITIONS: List = List { what: "transition", field: "transitions", key: "transitionName" };
pub const PROFILES: List = List { what: "profile", field: "profiles", key: "" };
pub const COLLECTIONS: List = List { what: "scene collection", field: "sceneCollections", key: "" };
pub const HOTKEYS: List = List { what: "hotkey", field: "hotkeys", key: "" };

/// Longest name that others are compared with: comparing takes time by the product of the lengths.
const NEAREST_MAX: usize = 300;

/// Refuses a name that is not among `names`, with the nearest.
pub fn require<'n>(what: &str, name: &str, names: impl IntoIterator<Item = &'n str>) -> Result<(), Execution> {
    let names: Vec<&str> = names.into_iter().collect();
    if names.contains(&name) {
        return Ok(());
    }
    let near = (name.len() <= NEAREST_MAX)
        .then(|| nearest(name, names.iter().copied().filter(|name| name.len() <= NEAREST_MAX)))
        .flatten();
    let hint = match near {
        Some(near) => format!("did you mean {near:?}?"),
        None if names.is_empty() => format!("OBS has no {what}"),
        None => {
            let shown: Vec<String> = names.iter().take(HINT_NAMES_MAX).map(|name| quote(name)).collect();
            let more =
                if names.len() > HINT_NAMES_MAX { format!(", … ({} in all)", names.len()) } else { String::new() };
            format!("{what}s there: {}{more}", shown.join(", "))
        }
    };
    Err(Execution::failed("not_found", format!("OBS has no {what} {}", quote(name)), Some(&hint)))
}

/// Refuses a name that is taken.
pub fn free<'n>(what: &str, name: &str, names: impl IntoIterator<Item = &'n str>) -> Result<(), Execution> {
    if names.into_iter().any(|known| known == name) {
        let message = format!("OBS has a {what} {} already", quote(name));
        return Err(Execution::failed("already_exists", message, Some("choose another name, or use that one")));
    }
    Ok(())
}

/// Everything that can be shown.
pub struct Sources {
    pub inputs: Value,
    pub scenes: Vec<String>,
    pub groups: Vec<String>,
}

impl Sources {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let others = self.scenes.iter().chain(&self.groups).map(String::as_str);
        INPUTS.names(&self.inputs).into_iter().chain(others)
    }
}

impl<'a> Context<'a> {
    /// The argument `input`, which OBS has; and what OBS says of it.
    pub(super) async fn input(&self) -> Result<(&'a str, Value), Execution> {
        let name = self.name("input")?;
        let answer = self.ask("GetInputList", json!({})).await?;
        require(INPUTS.what, name, INPUTS.names(&answer))?;
        let input = INPUTS.entries(&answer).iter().find(|input| input["inputName"] == name).cloned();
        Ok((name, input.unwrap_or_default()))
    }

    /// The same, with an answer to a request about it.
    pub(super) async fn input_and(&self, request: &'static str) -> Result<(&'a str, Value), Execution> {
        let (name, _) = self.input().await?;
        let answer = self.ask(request, json!({"inputName": name})).await?;
        Ok((name, answer))
    }

    pub(super) async fn sources(&self) -> Result<Sources, Execution> {
        let inputs = self.ask("GetInputList", json!({})).await?;
        let scenes = self.session.scenes(self.clock.act_until).await.map_err(super::nothing_done)?;
        let groups = self.ask("GetGroupList", json!({})).await?;
        Ok(Sources {
            inputs,
            scenes: scenes.names().map(str::to_owned).collect(),
            groups: GROUPS.names(&groups).into_iter().map(str::to_owned).collect(),
        })
    }

    /// The argument `argument`, which is a source of OBS.
    pub(super) async fn source(&self, argument: &str) -> Result<&'a str, Execution> {
        let name = self.name(argument)?;
        require("source", name, self.sources().await?.names())?;
        Ok(name)
    }

    /// The argument `argument`, which OBS has in a list.
    pub(super) async fn listed(
        &self,
        argument: &str,
        request: &'static str,
        data: Value,
        list: List,
    ) -> Result<(&'a str, Value), Execution> {
        let name = self.name(argument)?;
        let answer = self.ask(request, data).await?;
        require(list.what, name, list.names(&answer))?;
        Ok((name, answer))
    }

    /// The argument `settings` or another object; empty where it is not given.
    pub(super) fn object(&self, argument: &str) -> Result<Value, Execution> {
        match self.json(argument) {
            Value::Null => Ok(json!({})),
            object @ Value::Object(_) => Ok(object),
            _ => Err(bad_argument(format!("{argument} is no JSON object"), "give an object: {\"name\": value}")),
        }
    }
}
