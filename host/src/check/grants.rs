//! Describes grants: which folders, variables and origins they reach. Never a value.

use std::path::{Component, Path, PathBuf};

use crate::plan::{Clock, FolderGrant, Grants, Randomness, Variable, VariableSource};
use crate::report::{GrantUse, ImportUse, Provision};

/// What is granted, key by key, and which imports make use of it.
pub(super) fn uses(grants: &Grants, imports: &[ImportUse]) -> Vec<GrantUse> {
    let granted = |key: &'static str, reaches: Option<Vec<String>>| {
        let uses = |import: &&ImportUse| import.provision == Provision::Granted && import.grants.contains(&key);
        let used_by = imports.iter().filter(uses).map(|import| import.name.clone()).collect();
        reaches.map(|reaches| GrantUse { key, reaches, used_by })
    };
    let http = grants.http.as_ref().map(|rules| rules.iter().map(ToString::to_string).collect());
    let keys = [
        granted("read", folders(grants, false)),
        granted("write", folders(grants, true)),
        granted("env", variables(grants, false)),
        granted("secret", variables(grants, true)),
        granted("http", http),
        granted("clock", grants.clock.map(clock)),
        granted("random", grants.random.map(random)),
    ];
    keys.into_iter().flatten().collect()
}

/// The folders of one of two keys. An empty grant does not say which of them it was: it counts as the first.
fn folders(grants: &Grants, write: bool) -> Option<Vec<String>> {
    let all = grants.folders.as_ref()?;
    let of_key: Vec<_> = all.iter().filter(|folder| folder.write == write).map(folder).collect();
    (!of_key.is_empty() || all.is_empty() && !write).then_some(of_key)
}

fn folder(of: &FolderGrant) -> String {
    let host: PathBuf = of.host.components().filter(|part| *part != Component::CurDir).collect();
    if host == Path::new(&of.guest) { of.guest.clone() } else { format!("{} as {}", host.display(), of.guest) }
}

fn variables(grants: &Grants, secret: bool) -> Option<Vec<String>> {
    let all = grants.variables.as_ref()?;
    let of_key: Vec<_> = all.iter().filter(|variable| variable.secret == secret).map(variable).collect();
    (!of_key.is_empty() || all.is_empty() && !secret).then_some(of_key)
}

fn variable(of: &Variable) -> String {
    match &of.value {
        VariableSource::Literal(_) => of.name.to_string(),
        VariableSource::Environment(host) if **host == *of.name => format!("{} of the host", of.name),
        VariableSource::Environment(host) => format!("{} (the host's {host})", of.name),
        VariableSource::File(path) => format!("{} (in {})", of.name, path.display()),
    }
}

fn clock(of: Clock) -> Vec<String> {
    vec![match of {
        Clock::Real => "the real time".to_owned(),
        Clock::Fixed(time) => format!("always {}", humantime::format_rfc3339(time)),
    }]
}

fn random(of: Randomness) -> Vec<String> {
    vec![match of {
        Randomness::Real => "real random numbers".to_owned(),
        Randomness::Seed(seed) => format!("always the same, from seed {seed}"),
    }]
}
