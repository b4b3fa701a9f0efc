//! Counts JSON records by some of their fields, and gives up one object for each group at the flush: the fields as they
//! were written, and `count`, sorted by the fields. A field that a record does not have is `null`.
//!
//! The stage keeps state, so its instances must outlive a batch: `reuse = "worker"`. With several workers each counts
//! what it has seen, which `partial = true` declares as meant; a second `count-by` with one worker and `sum = "count"` adds them up.
//!
//! | config | default | |
//! |---|---|---|
//! | `fields` | required | what to count by, as `["hour", "path"]` |
//! | `strip_query` | none | which of these fields to cut at the first `?` |
//! | `sum` | none | a field to add up, instead of counting one for each record |
//! | `max_groups` | 1,000,000 | a record that would open one more group fails: what bounds the memory |

use std::ops::Range;

use flat_json::{Members, write_string};
use hashbrown::HashMap;
use sandmill_stage::{Failure, Flush, Output, Record, Stage};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    fields: Vec<String>,
    #[serde(default)]
    strip_query: Vec<String>,
    #[serde(default)]
    sum: Option<String>,
    #[serde(default = "one_million")]
    max_groups: usize,
}

fn one_million() -> usize {
    1_000_000
}

/// A field to count by.
struct Field {
    name: String,
    strip_query: bool,
    /// Its value in the record in hand; empty when it has none.
    value: Range<usize>,
}

struct CountBy {
    fields: Vec<Field>,
    sum: Option<String>,
    max_groups: usize,
    /// Each group by the object it becomes, short of its count and closing brace.
    groups: HashMap<Vec<u8>, u64>,
    /// The group of the record in hand.
    group: Vec<u8>,
}

impl Stage for CountBy {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Failure> {
        if config.fields.is_empty() {
            return Err("config.fields: there is nothing to count by".into());
        }
        if let Some(stray) = config.strip_query.iter().find(|name| !config.fields.contains(name)) {
            return Err(Failure::new(format!("config.strip_query: \"{stray}\" is not among the fields")));
        }
        let field = |name: String| Field { strip_query: config.strip_query.contains(&name), name, value: 0..0 };
        Ok(Self {
            fields: config.fields.into_iter().map(field).collect(),
            sum: config.sum,
            max_groups: config.max_groups,
            groups: HashMap::new(),
            group: Vec::new(),
        })
    }

    fn process(&mut self, record: Record<'_>, _: &mut Output) -> Result<(), Failure> {
        let amount = self.read(record.value)?;
        self.write_group(record.value);
        if let Some(count) = self.groups.get_mut(&self.group) {
            *count = count.checked_add(amount).ok_or("the count of this group is more than 64 bits hold")?;
        } else if self.groups.len() < self.max_groups {
            self.groups.insert(self.group.clone(), amount);
        } else {
            return Err(Failure::new(format!("the record would open a group beyond max_groups = {}", self.max_groups)));
        }
        Ok(())
    }
}

impl Flush for CountBy {
    fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
        let mut groups: Vec<_> = std::mem::take(&mut self.groups).into_iter().collect();
        groups.sort_unstable();
        for (group, count) in groups {
            out.emit_with(|buffer| {
                buffer.extend_from_slice(&group);
                buffer.extend_from_slice(format!(",\"count\":{count}}}").as_bytes());
            });
        }
        Ok(())
    }
}

impl CountBy {
    /// Finds the fields of a record, and what it counts for.
    fn read(&mut self, record: &[u8]) -> Result<u64, Failure> {
        for field in &mut self.fields {
            field.value = 0..0;
        }
        let mut amount = if self.sum.is_some() { None } else { Some(1) };
        for member in Members::of(record) {
            let member = member?;
            if let Some(field) = self.fields.iter_mut().find(|field| field.name.as_bytes() == member.name) {
                field.value = member.at..member.at + member.value.len();
            }
            if self.sum.as_ref().is_some_and(|sum| sum.as_bytes() == member.name) {
                amount = std::str::from_utf8(member.value).ok().and_then(|number| number.parse().ok());
            }
        }
        amount.ok_or_else(|| {
            let name = self.sum.as_deref().unwrap_or_default();
            Failure::new(format!("the record has no whole number \"{name}\" to add up"))
        })
    }

    fn write_group(&mut self, record: &[u8]) {
        self.group.clear();
        let mut separator = b'{';
        for field in &self.fields {
            self.group.push(separator);
            write_string(&mut self.group, field.name.as_bytes());
            self.group.push(b':');
            match record.get(field.value.clone()).unwrap_or_default() {
                [] => self.group.extend_from_slice(b"null"),
                value if field.strip_query => write_without_query(&mut self.group, value),
                value => self.group.extend_from_slice(value),
            }
            separator = b',';
        }
    }
}

fn write_without_query(group: &mut Vec<u8>, value: &[u8]) {
    match value.iter().position(|byte| *byte == b'?') {
        Some(query) if value.first() == Some(&b'"') => {
            group.extend_from_slice(value.get(..query).unwrap_or_default());
            group.push(b'"');
        }
        _ => group.extend_from_slice(value),
    }
}

sandmill_stage::stage!(impl CountBy);

#[cfg(test)]
mod tests {
    use super::*;
    use sandmill_stage::trial;

    #[test]
    fn groups_are_counted_over_batches_and_given_up_in_order_once() {
        let config = r#"{"fields": ["hour", "path"], "strip_query": ["path"]}"#;
        let mut stage = trial!(impl CountBy, config).unwrap();
        let fates = stage.process([r#"{"hour":"09","path":"/b?x=1"}"#, r#"{"path":"/a","hour":"10"}"#]);
        assert!(fates.outputs.is_empty());
        stage.process([r#"{"hour":"09","path":"/b","status":200}"#, r#"{"hour":"09"}"#]);
        let expected = [
            r#"{"hour":"09","path":"/b","count":2}"#,
            r#"{"hour":"09","path":null,"count":1}"#,
            r#"{"hour":"10","path":"/a","count":1}"#,
        ];
        assert_eq!(stage.flush().unwrap().texts(), expected);
        assert!(stage.flush().unwrap().outputs.is_empty());
    }

    #[test]
    fn partial_counts_add_up() {
        let mut stage = trial!(impl CountBy, r#"{"fields": ["path"], "sum": "count"}"#).unwrap();
        let fates = stage.process([r#"{"path":"/","count":2}"#, r#"{"path":"/","count":40}"#, r#"{"path":"/"}"#]);
        assert_eq!(fates.failure(2), Some("the record has no whole number \"count\" to add up"));
        assert_eq!(stage.flush().unwrap().texts(), [r#"{"path":"/","count":42}"#]);
    }

    #[test]
    fn groups_beyond_the_bound_fail_and_the_others_count_on() {
        let mut stage = trial!(impl CountBy, r#"{"fields": ["n"], "max_groups": 1}"#).unwrap();
        let fates = stage.process([r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":1}"#]);
        assert_eq!(fates.failure(1), Some("the record would open a group beyond max_groups = 1"));
        assert_eq!(stage.flush().unwrap().texts(), [r#"{"n":1,"count":2}"#]);
    }

    #[test]
    fn a_configuration_that_counts_nothing_is_refused() {
        assert!(trial!(impl CountBy, r#"{"fields": []}"#).is_err());
        let stray = trial!(impl CountBy, r#"{"fields": ["a"], "strip_query": ["b"]}"#).unwrap_err();
        assert_eq!(stray.message(), "config.strip_query: \"b\" is not among the fields");
    }
}
