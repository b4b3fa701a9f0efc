//! The configuration: the JSON of the pipeline file's `config` table, read as the stage's own type.

use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::Failure;

/// The configuration of a stage that takes none: a table without entries, or no table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Nothing;

impl<'de> Deserialize<'de> for Nothing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Empty;
        impl<'de> Visitor<'de> for Empty {
            type Value = Nothing;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("no configuration")
            }

            fn visit_unit<E>(self) -> Result<Nothing, E> {
                Ok(Nothing)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Nothing, A::Error> {
                match entries.next_entry::<String, IgnoredAny>()? {
                    None => Ok(Nothing),
                    Some((key, _)) => {
                        Err(A::Error::custom(format_args!("this stage takes no configuration, but has \"{key}\"")))
                    }
                }
            }
        }
        deserializer.deserialize_any(Empty)
    }
}

/// Reads a configuration. Without one, the stage gets an empty table, so that a type whose fields all have defaults
/// needs none.
pub(crate) fn parse<C: DeserializeOwned>(text: &str) -> Result<C, Failure> {
    let text = match text.trim() {
        "" | "null" => "{}",
        text => text,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let config = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { "config".to_owned() } else { format!("config.{path}") };
        Failure::new(without_position(error.inner())).at(place)
    })?;
    json.end().map_err(|error| Failure::from(error).at("config"))?;
    Ok(config)
}

/// The position is one within the JSON that the host made of the pipeline file, which nobody sees.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[serde(default)]
        fields: Vec<u8>,
    }

    fn refused<C: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
        parse::<C>(text).unwrap_err().into_message()
    }

    #[test]
    fn a_field_that_does_not_fit_is_named() {
        let message = refused::<Config>(r#"{"fields": [1, "x"]}"#);
        assert_eq!(message, "config.fields[1]: invalid type: string \"x\", expected u8");
        let message = refused::<Config>(r#"{"feilds": []}"#);
        assert_eq!(message, "config.feilds: unknown field `feilds`, expected `fields`");
        assert_eq!(refused::<Vec<u8>>("{}"), "config: invalid type: map, expected a sequence");
    }

    #[test]
    fn no_configuration_is_an_empty_table() {
        for text in ["", "null", "{}", " {} "] {
            assert_eq!(parse::<Config>(text).unwrap(), Config { fields: vec![] });
            assert_eq!(parse::<Nothing>(text).unwrap(), Nothing);
        }
    }

    #[test]
    fn configuration_that_nobody_reads_is_refused() {
        let message = refused::<Nothing>(r#"{"loud": true}"#);
        assert_eq!(message, "config: this stage takes no configuration, but has \"loud\"");
        assert_eq!(refused::<Nothing>("3"), "config: invalid type: integer `3`, expected no configuration");
    }
}
