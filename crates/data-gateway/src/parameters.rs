//! From the parameters of a call to one value for each placeholder.

use query_guard::Statement;
use serde_json::{Map, Value};

use crate::RunError;

/// Parameters as a call gives them.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Given {
    /// None.
    #[default]
    Nothing,
    /// By number.
    List(Vec<Value>),
    /// By name.
    Map(Map<String, Value>),
}

/// One value for each placeholder. What is missing and what is too much are refused; values are never repeated in an
/// error.
pub(crate) fn bind(statement: &Statement, given: Given) -> Result<Vec<Value>, RunError> {
    let wanted = statement.placeholders();
    let names = statement.names();
    match given {
        Given::Nothing if wanted == 0 => Ok(Vec::new()),
        Given::Nothing => Err(missing(wanted, 0)),
        Given::List(list) if !names.is_empty() && !list.is_empty() => {
            Err(RunError::Parameters("the statement names its parameters: give them as an object".to_owned()))
        }
        Given::List(list) if list.len() == wanted => Ok(list),
        Given::List(list) => Err(missing(wanted, list.len())),
        Given::Map(map) if names.is_empty() && wanted > 0 => Err(RunError::Parameters(format!(
            "the statement numbers its parameters: give {wanted} of them as a list, not {} by name",
            map.len()
        ))),
        Given::Map(map) => by_name(names, &map),
    }
}

fn by_name(names: &[String], map: &Map<String, Value>) -> Result<Vec<Value>, RunError> {
    if map.keys().any(|given| !names.contains(given)) {
        return Err(RunError::Parameters(format!(
            "there is a parameter that the statement does not name; it names: {}",
            if names.is_empty() { "none".to_owned() } else { listed(names) }
        )));
    }
    let value = |name: &String| {
        map.get(name).cloned().ok_or_else(|| RunError::Parameters(format!("the parameter {name} is missing")))
    };
    names.iter().map(value).collect()
}

fn listed(names: &[String]) -> String {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

fn missing(wanted: usize, given: usize) -> RunError {
    RunError::Parameters(format!("the statement takes {wanted} parameters, and {given} were given"))
}
