//! Checks whether a stage's grants make sense: nothing is granted twice, and nothing contradicts `deterministic`.

use std::collections::HashSet;
use std::time::SystemTime;

use super::{
    Clock, Code, Flaw, FolderGrant, Grants, Node, Order, Part, Parts, Randomness, Reuse, StagePlan, Variable,
    VariableSource,
};

/// Checks the grants of all stages and component sources.
pub(super) fn check(parts: &Parts) -> Result<(), Flaw> {
    for (index, source) in parts.sources.iter().enumerate() {
        if let Some(component) = source.kind.component() {
            let owner = Owner { node: Node::Source(index), label: format!("source {:?}", source.name) };
            owner.grants(&component.grants)?;
        }
    }
    for (index, (stage, _)) in parts.stages.iter().enumerate() {
        let owner = Owner { node: Node::Stage(index), label: format!("stage {:?}", stage.name) };
        owner.grants(&stage.grants)?;
        owner.sandbox(stage)?;
        if stage.deterministic {
            owner.deterministic(stage)?;
        }
    }
    Ok(())
}

/// Whose grants are looked at.
struct Owner {
    node: Node,
    label: String,
}

impl Owner {
    fn flaw(&self, keys: &'static [&'static str], message: &str) -> Flaw {
        Flaw::new(Part::Key(self.node, keys), format!("{}: {message}", self.label))
    }

    fn grants(&self, grants: &Grants) -> Result<(), Flaw> {
        self.folders(grants.folders.as_deref().unwrap_or_default())?;
        self.variables(grants.variables.as_deref().unwrap_or_default())?;
        match grants.clock {
            // The guest's clock counts from there, and not backwards.
            Some(Clock::Fixed(time)) if time < SystemTime::UNIX_EPOCH => {
                Err(self.flaw(&["grant", "clock"], "its clock is set before 1970, where a guest's time begins"))
            }
            _ => Ok(()),
        }
    }

    fn folders(&self, folders: &[FolderGrant]) -> Result<(), Flaw> {
        let mut seen = HashSet::new();
        for folder in folders {
            let keys: &[_] = if folder.write { &["grant", "write"] } else { &["grant", "read"] };
            if folder.guest.is_empty() || folder.guest.contains('\0') {
                return Err(self.flaw(keys, &format!("the guest cannot call a folder {:?}", folder.guest)));
            }
            if !seen.insert(folder.guest.as_str()) {
                return Err(self
                    .flaw(keys, &format!("two folders are called {:?} in the guest", folder.guest))
                    .hint("\"write\" includes reading, so name each folder in one of the two only")
                    .hint("a table gives folders other names: read = { \"/geo\" = \"data/geo\" }"));
            }
        }
        Ok(())
    }

    fn variables(&self, variables: &[Variable]) -> Result<(), Flaw> {
        let mut seen = HashSet::new();
        for variable in variables {
            let keys: &[_] = if variable.secret { &["grant", "secret"] } else { &["grant", "env"] };
            let name = &*variable.name;
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(self.flaw(keys, &format!("a variable cannot have the name {name:?}")));
            }
            if matches!(&variable.value, VariableSource::Literal(value) if value.contains('\0')) {
                return Err(self.flaw(keys, &format!("the value of {name:?} contains a NUL character")));
            }
            if !seen.insert(name) {
                return Err(self
                    .flaw(keys, &format!("the variable {name:?} is granted twice"))
                    .hint("a secret is a variable too: name it in \"env\" or in \"secret\", not in both"));
            }
        }
        Ok(())
    }

    /// Refuses what a stage without a sandbox cannot be promised.
    fn sandbox(&self, stage: &StagePlan) -> Result<(), Flaw> {
        let asks = stage.deterministic || stage.grants != Grants::default();
        match &stage.code {
            Code::Native(_) if asks => Err(self
                .flaw(&["grant"], "it runs without a sandbox, so grants and limits do not apply to it")
                .hint("a native stage reaches whatever the host program reaches")),
            Code::Native(_) | Code::Component(_) => Ok(()),
        }
    }

    fn deterministic(&self, stage: &StagePlan) -> Result<(), Flaw> {
        let at_odds = |keys, what: &str, why: &str| {
            Err(self.flaw(keys, &format!("it is deterministic, but {what}")).hint(why.to_owned()))
        };
        if stage.reuse != Reuse::Record {
            let why = "batch boundaries depend on timing: leave \"reuse\" out, or write \"record\"";
            return at_odds(&["reuse"], "an instance of it sees more than one record", why);
        }
        let unordered = match stage.order {
            Order::Input => None,
            Order::None => Some("its outputs come in the order in which they are done"),
            Order::Key => Some("its outputs of different keys come in the order in which they are done"),
        };
        if let Some(unordered) = unordered {
            return match stage.is_partitioned() {
                true => at_odds(&["partition"], unordered, "leave \"partition\" out"),
                false => at_odds(&["order"], unordered, "leave \"order\" out, or write \"input\""),
            };
        }
        let grants = &stage.grants;
        if grants.clock == Some(Clock::Real) {
            let why = "grant it an instant: clock = \"2026-01-01T00:00:00Z\"";
            return at_odds(&["grant", "clock"], "it sees the real time", why);
        }
        if grants.random == Some(Randomness::Real) {
            return at_odds(&["grant", "random"], "its random numbers are real", "grant it a seed: random = 1");
        }
        if grants.http.is_some() {
            let why = "an answer differs from run to run: fetch it in another stage";
            return at_odds(&["grant", "http"], "it may send requests", why);
        }
        if grants.folders.iter().flatten().any(|folder| folder.write) {
            let why = "another instance could read what one instance writes: write in another stage";
            return at_odds(&["grant", "write"], "it may write files", why);
        }
        Ok(())
    }
}
