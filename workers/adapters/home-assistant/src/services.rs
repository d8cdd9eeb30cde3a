//! The service registry: which services there are, which fields they take, which entities they are for. Pure.

use crate::mirror::Entity;
use if_manifest::args::nearest;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Fields every service with a target takes, whether its description names them or not.
const TARGET_FIELDS: [&str; 5] = ["entity_id", "device_id", "area_id", "floor_id", "label_id"];

/// By name: `light.turn_on`.
#[derive(Debug, Clone, Default)]
pub struct Services(BTreeMap<String, Service>);

#[derive(Debug, Clone, Default)]
pub struct Service {
    description: Option<String>,
    fields: BTreeMap<String, Field>,
    /// None: it has no target. Empty: of any kind.
    target: Option<Vec<Filter>>,
    response: Response,
}

#[derive(Debug, Clone, Default)]
struct Field {
    required: bool,
    selector: Value,
    description: Option<String>,
}

/// Kinds of entities a service is for.
#[derive(Debug, Clone, Default)]
struct Filter {
    domains: Vec<String>,
    /// Bit sets; an entity has to have all bits of one of them.
    features: Vec<u64>,
}

/// Whether a service gives data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Response {
    #[default]
    Never,
    Optional,
    Always,
}

/// What does not fit a service, and what would.
#[derive(Debug, PartialEq, Eq)]
pub struct Misfit {
    pub message: String,
    pub hint: String,
}

impl Services {
    /// The answer to `get_services`: `{domain: {service: {fields, target, response}}}`. What has another form is passed over:
    /// a description that cannot be read must not take the services beside it away.
    pub fn read(answer: &Value) -> Self {
        let domains = answer.as_object().into_iter().flatten();
        let all = domains.flat_map(|(domain, services)| {
            let services = services.as_object().into_iter().flatten();
            services.map(move |(name, description)| (format!("{domain}.{name}"), Service::read(description)))
        });
        Self(all.collect())
    }

    pub fn get(&self, name: &str) -> Option<&Service> {
        self.0.get(name)
    }
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
    pub fn nearest(&self, name: &str) -> Option<String> {
        let domain = name.split_once('.').map(|(domain, _)| format!("{domain}."));
        let same = |n: &&str| domain.as_ref().is_some_and(|domain| n.starts_with(domain.as_str()));
        nearest(name, self.names().filter(same)).or_else(|| nearest(name, self.names()))
    }
    /// Services of a domain with description and fields, as JSON.
    pub fn of_domain(&self, domain: &str) -> Vec<Value> {
        let prefix = format!("{domain}.");
        let of = self.0.iter().filter(|(name, _)| name.starts_with(&prefix));
        of.map(|(name, service)| service.document(name)).collect()
    }
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.names().filter_map(|name| name.split_once('.')).map(|(domain, _)| domain)
    }
}

impl Service {
    fn read(description: &Value) -> Self {
        let text = |value: &Value| value.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
        let mut fields = BTreeMap::new();
        read_fields(&description["fields"], &mut fields);
        let response = match description.get("response").and_then(|r| r.get("optional")) {
            None => Response::Never,
            Some(Value::Bool(true)) => Response::Optional,
            Some(_) => Response::Always,
        };
        let target = description.get("target").filter(|t| !t.is_null()).map(read_filters);
        Self { description: text(&description["description"]), fields, target, response }
    }

    pub fn response(&self) -> Response {
        self.response
    }
    pub fn has_target(&self) -> bool {
        self.target.is_some()
    }
    /// What a select field may be, where it is one.
    pub fn options(&self, field: &str) -> Vec<String> {
        self.fields.get(field).map(|f| options(&f.selector["select"])).unwrap_or_default()
    }

    /// Does it take this entity?
    pub fn takes(&self, name: &str, entity: &Entity) -> Result<(), Misfit> {
        let Some(filters) = self.target.as_ref().filter(|filters| !filters.is_empty()) else { return Ok(()) };
        let of_domain: Vec<&Filter> =
            filters.iter().filter(|f| f.domains.is_empty() || f.domains.iter().any(|d| d == entity.domain())).collect();
        if of_domain.is_empty() {
            let domains: Vec<&str> = filters.iter().flat_map(|f| f.domains.iter().map(String::as_str)).collect();
            let message = format!("{name} is not for {}", entity.id);
            return Err(Misfit { message, hint: format!("it is for entities of {}", domains.join(", ")) });
        }
        let has = entity.attribute("supported_features").as_u64().unwrap_or_default();
        let fits = |f: &&Filter| f.features.is_empty() || f.features.iter().any(|mask| has & mask == *mask);
        if of_domain.iter().any(fits) {
            return Ok(());
        }
        let message = format!("{} cannot do {name}: the device does not have that feature", entity.id);
        Err(Misfit { message, hint: format!("`ifctl ha services INSTANCE --domain {}` lists others", entity.domain()) })
    }

    /// Do these fields fit? A service that describes none takes what it likes: Home Assistant checks them.
    pub fn check(&self, name: &str, data: &Map<String, Value>) -> Result<(), Misfit> {
        for (field, value) in data {
            match self.fields.get(field) {
                Some(described) => described.check(name, field, value)?,
                None if self.fields.is_empty() || TARGET_FIELDS.contains(&field.as_str()) => {}
                None => {
                    let known = self.fields.keys().map(String::as_str);
                    let hint = match nearest(field, known.clone()) {
                        Some(near) => format!("did you mean {near:?}?"),
                        None => format!("it has {}", known.collect::<Vec<_>>().join(", ")),
                    };
                    return Err(Misfit { message: format!("{name} has no field {field:?}"), hint });
                }
            }
        }
        let missing = self.fields.iter().find(|(field, f)| f.required && !data.contains_key(*field));
        match missing {
            None => Ok(()),
            Some((field, described)) => Err(Misfit {
                message: format!("{name} needs {field}"),
                hint: described.description.clone().unwrap_or_else(|| "give it in --data".into()),
            }),
        }
    }

    fn document(&self, name: &str) -> Value {
        let fields: Map<String, Value> = self.fields.iter().map(|(name, f)| (name.clone(), f.document())).collect();
        json!({"service": name, "description": self.description, "fields": fields, "target": self.has_target()})
    }
}

impl Field {
    fn document(&self) -> Value {
        json!({"required": self.required, "description": self.description, "selector": self.selector})
    }

    fn check(&self, service: &str, field: &str, value: &Value) -> Result<(), Misfit> {
        let Some((kind, rule)) = self.selector.as_object().and_then(|s| s.iter().next()) else { return Ok(()) };
        let expected = match (kind.as_str(), value) {
            ("number" | "color_temp", _) => number(kind, rule, value),
            ("boolean", Value::Bool(_)) => None,
            ("boolean", _) => Some("true or false".into()),
            ("text", Value::Object(_)) => Some("text".into()),
            ("color_rgb", _) => (!is_rgb(value)).then(|| "three numbers from 0 to 255".into()),
            ("select", _) => selected(rule, value),
            ("entity", Value::Bool(_) | Value::Number(_) | Value::Object(_)) => Some("an entity id".into()),
            _ => None,
        };
        match expected {
            None => Ok(()),
            Some(expected) => Err(Misfit {
                message: format!("{field} of {service} is {value}"),
                hint: format!("it must be {expected}"),
            }),
        }
    }
}

fn read_fields(described: &Value, into: &mut BTreeMap<String, Field>) {
    for (name, field) in described.as_object().into_iter().flatten() {
        // A section: fields that belong together.
        if field.get("fields").is_some_and(Value::is_object) && field.get("selector").is_none() {
            read_fields(&field["fields"], into);
            continue;
        }
        let required = field["required"] == Value::Bool(true);
        let description = field["description"].as_str().filter(|t| !t.is_empty()).map(str::to_owned);
        into.insert(name.clone(), Field { required, selector: field["selector"].clone(), description });
    }
}

fn read_filters(target: &Value) -> Vec<Filter> {
    let one_or_many = |value: &Value| match value {
        Value::Array(many) => many.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    let entities = one_or_many(&target["entity"]);
    let filter = |e: &Value| Filter {
        domains: one_or_many(&e["domain"]).iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        features: one_or_many(&e["supported_features"]).iter().filter_map(Value::as_u64).collect(),
    };
    entities.iter().map(filter).collect()
}

/// What was expected instead, if it does not fit.
fn number(kind: &str, rule: &Value, value: &Value) -> Option<String> {
    // The bounds of a colour temperature are in the unit it says, which is not always that of the field.
    let bound = |name: &str| rule[name].as_f64().filter(|_| kind == "number");
    let (min, max) = (bound("min"), bound("max"));
    let fits = value.as_f64().is_some_and(|n| min.is_none_or(|m| n >= m) && max.is_none_or(|m| n <= m));
    if fits {
        return None;
    }
    Some(match (min, max) {
        (Some(min), Some(max)) => format!("a number from {min} to {max}"),
        (Some(min), None) => format!("a number, at least {min}"),
        (None, Some(max)) => format!("a number, at most {max}"),
        (None, None) => "a number".into(),
    })
}

fn selected(rule: &Value, value: &Value) -> Option<String> {
    let options = options(rule);
    if options.is_empty() || rule["custom_value"] == Value::Bool(true) {
        return None;
    }
    let known = |v: &Value| v.as_str().is_some_and(|text| options.iter().any(|o| o == text));
    let fits = match value {
        Value::Array(many) => many.iter().all(known),
        one => known(one),
    };
    if fits {
        return None;
    }
    let near = value.as_str().and_then(|text| nearest(text, options.iter().map(String::as_str)));
    Some(near.unwrap_or_else(|| format!("one of {}", options.join(", "))))
}

fn options(select: &Value) -> Vec<String> {
    let options = select["options"].as_array().into_iter().flatten();
    options.filter_map(|o| o.as_str().or_else(|| o["value"].as_str())).map(str::to_owned).collect()
}

fn is_rgb(value: &Value) -> bool {
    let byte = |v: &Value| v.as_u64().is_some_and(|n| n <= 255);
    value.as_array().is_some_and(|rgb| rgb.len() == 3 && rgb.iter().all(byte))
}

#[cfg(test)]
#[path = "services_tests.rs"]
mod tests;
