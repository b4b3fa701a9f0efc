//! Reads `[stage.grant]`: what a component may reach. Whether the folders, variables and files exist is not checked
//! here.

use std::path::{Component, Path};
use std::sync::Arc;

use super::keys;
use crate::plan::{Clock, FolderGrant, Grants, HttpRule, Randomness, Variable, VariableSource};
use crate::settings::Fault;
use crate::settings::Table;
use crate::settings::Value;

/// What TOML's whole numbers reach.
const SEED_MAX: u64 = i64::MAX.cast_unsigned();

/// `grant`. A key grants its interface even if its value is empty.
pub(super) fn grants(section: &Table<'_>, folder: &Path) -> Result<Grants, Fault> {
    let Some(grant) = section.part("grant", keys::GRANT)? else { return Ok(Grants::default()) };
    Ok(Grants {
        folders: both(folders(&grant, "read", folder)?, folders(&grant, "write", folder)?),
        variables: both(environment(&grant, folder)?, secrets(&grant, folder).map_err(Fault::in_private)?),
        http: grant.get("http").map(|value| http(&value)).transpose()?,
        clock: grant.get("clock").map(|value| clock(&value)).transpose()?,
        random: grant.get("random").map(|value| random(&value)).transpose()?,
    })
}

/// What two keys grant together: nothing when neither is there.
fn both<T>(one: Option<Vec<T>>, other: Option<Vec<T>>) -> Option<Vec<T>> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.into_iter().chain(other).flatten().collect()),
    }
}

/// `read` or `write`: folders that the guest calls as they are written, or a table from its names to the host's.
fn folders(grant: &Table<'_>, key: &'static str, folder: &Path) -> Result<Option<Vec<FolderGrant>>, Fault> {
    let Some(value) = grant.get(key) else { return Ok(None) };
    let write = key == "write";
    let folders = if value.value.is_table() {
        let named = value.table()?.each().into_iter().map(|(guest, host)| {
            Ok(FolderGrant { host: host.path(folder)?, guest: guest.get_ref().to_string(), write })
        });
        named.collect::<Result<_, Fault>>()?
    } else {
        let written = value.texts()?;
        let as_written =
            |host: &Value<'_>| Ok(FolderGrant { host: host.path(folder)?, guest: guest_path(host)?, write });
        written.iter().map(as_written).collect::<Result<_, Fault>>()?
    };
    Ok(Some(folders))
}

/// A path as the guest sees it: as it is written, tidied; of one that leads out of the pipeline's folder, its end.
fn guest_path(value: &Value<'_>) -> Result<String, Fault> {
    let path = Path::new(value.text()?);
    let leads_out = |part: &Component<'_>| matches!(part, Component::ParentDir | Component::RootDir);
    let mut parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => name.to_str(),
        Component::CurDir | Component::ParentDir | Component::RootDir | Component::Prefix(_) => None,
    });
    if !path.components().any(|part| leads_out(&part)) {
        let inside = parts.collect::<Vec<_>>().join("/");
        return Ok(if inside.is_empty() { ".".to_owned() } else { inside });
    }
    match path.components().next_back() {
        Some(Component::Normal(_)) => Ok(parts.next_back().unwrap_or_default().to_owned()),
        _ => Err(value
            .fault("this folder has no name by which the guest could call it")
            .hint("give it a name in a table: { \"/data\" = \"…\" }")),
    }
}

fn environment(grant: &Table<'_>, folder: &Path) -> Result<Option<Vec<Variable>>, Fault> {
    let Some(value) = grant.get("env") else { return Ok(None) };
    let from = |value: &Value<'_>| match value.value.as_str() {
        Some(text) => Ok(VariableSource::Literal(text.to_owned())),
        None if value.value.is_table() => elsewhere(value, folder),
        None => Err(value
            .unexpected("a string, or { env = \"NAME\" }")
            .hint("the value of a variable is text: write it in quotes")),
    };
    variables(&value, false, from).map(Some)
}

fn secrets(grant: &Table<'_>, folder: &Path) -> Result<Option<Vec<Variable>>, Fault> {
    let Some(value) = grant.get("secret") else { return Ok(None) };
    let from = |value: &Value<'_>| {
        if value.value.is_table() {
            return elsewhere(value, folder);
        }
        // Not shown: it may be the secret itself.
        Err(value
            .fault("a secret does not belong in a pipeline file")
            .hint("say where it is: { env = \"NAME\" } or { file = \"/run/secrets/name\" }"))
    };
    variables(&value, true, from).map(Some)
}

/// Names of the host's variables in an array, or a table from names to where their values are.
fn variables(
    value: &Value<'_>,
    secret: bool,
    from: impl Fn(&Value<'_>) -> Result<VariableSource, Fault>,
) -> Result<Vec<Variable>, Fault> {
    if value.value.is_table() {
        let named = value.table()?.each().into_iter();
        return named
            .map(|(name, value)| {
                Ok(Variable { name: Arc::from(name.get_ref().as_ref()), value: from(&value)?, secret })
            })
            .collect();
    }
    let expected = "names in an array, or a table";
    let names = value.text_array().map_err(|_| match secret {
        // What was found may be the secret itself.
        true => value.fault(&format!("expected {expected}")),
        false => value.unexpected(expected),
    })?;
    let of_host = |name: &Value<'_>| {
        let name = name.text()?;
        Ok(Variable { name: name.into(), value: VariableSource::Environment(name.to_owned()), secret })
    };
    names.iter().map(of_host).collect()
}

/// `{ env = "NAME" }` or `{ file = "path" }`.
fn elsewhere(value: &Value<'_>, folder: &Path) -> Result<VariableSource, Fault> {
    let table = value.table()?;
    table.refuse_unknown(keys::VARIABLE)?;
    match (table.get("env"), table.get("file")) {
        (Some(env), None) => Ok(VariableSource::Environment(env.text()?.to_owned())),
        (None, Some(file)) => Ok(VariableSource::File(file.path(folder)?)),
        (None, None) | (Some(_), Some(_)) => Err(value.fault("expected { env = \"NAME\" } or { file = \"path\" }")),
    }
}

fn http(value: &Value<'_>) -> Result<Vec<HttpRule>, Fault> {
    let rules = value.texts()?;
    rules.iter().map(|rule| HttpRule::parse(rule.text()?).map_err(|what| rule.fault(&what))).collect()
}

fn clock(value: &Value<'_>) -> Result<Clock, Fault> {
    // Without quotes it is a date of TOML's own.
    let date = value.value.as_datetime().map(ToString::to_string);
    let written = date.or_else(|| value.value.as_str().map(str::to_owned));
    if written.as_deref() == Some("real") {
        return Ok(Clock::Real);
    }
    let time = written.and_then(|text| humantime::parse_rfc3339(&text).ok());
    time.map(Clock::Fixed)
        .ok_or_else(|| value.unreadable("\"real\" or an instant in UTC, such as \"2026-01-01T00:00:00Z\""))
}

fn random(value: &Value<'_>) -> Result<Randomness, Fault> {
    match value.value.as_str() {
        Some("real") => Ok(Randomness::Real),
        None if value.value.is_integer() => value.whole(0..=SEED_MAX).map(Randomness::Seed),
        Some(_) | None => Err(value.unreadable("\"real\" or a whole number, the seed")),
    }
}
