//! Decides whether everything that an instance of a component remembers lies in its memories and globals.
//!
//! What has no part in an image: tables, segments that were dropped, references (the transform refuses code that could
//! change them), and what the engine keeps for a component beside its modules: tasks, streams, storage for threads, and
//! handles to resources of its own. Code that could make any of these is refused here, whether `open` runs it or not.
//! Only resources are left to `open`: many components have types of them that they never use, so the instance whose
//! image is taken is one that cannot make any ([`forbid_resources`]).

use wasmparser::{CanonicalFunction, Parser, Payload};

/// Refuses components whose instances may remember more than an image holds.
///
/// # Errors
/// What an instance may have that no image would.
#[expect(clippy::wildcard_enum_match_arm, reason = "two dozen kinds of section have no part in this")]
pub(super) fn check(wasm: &[u8]) -> Result<(), String> {
    let mut module = Module::default();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.map_err(|error| error.to_string())? {
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions {
                    let function = function.map_err(|error| error.to_string())?;
                    if !is_stateless(&function) {
                        return Err("it has tasks or streams of its own, which an image cannot hold".to_owned());
                    }
                }
            }
            Payload::MemorySection(memories) => module.has_state |= memories.count() > 0,
            Payload::GlobalSection(globals) => module.has_state |= globals.count() > 0,
            Payload::ExportSection(_) => module.exports = true,
            Payload::End(_) => module = std::mem::take(&mut module).end()?,
            _ => {}
        }
    }
    Ok(())
}

/// Whether a function of the component model's leaves no trace where resources are forbidden. To drop a handle, or
/// to look at what it refers to, one must have been given it, by a call that ends the taking of an image.
fn is_stateless(function: &CanonicalFunction) -> bool {
    matches!(
        function,
        CanonicalFunction::Lift { .. }
            | CanonicalFunction::Lower { .. }
            | CanonicalFunction::ResourceDrop { .. }
            | CanonicalFunction::ResourceNew { .. }
            | CanonicalFunction::ResourceRep { .. }
    )
}

/// How `resource.new` and `resource.rep` are written in the section of such functions.
const RESOURCE_NEW: u8 = 0x02;
const RESOURCE_REP: u8 = 0x04;

/// Puts `resource.rep` in the place of each `resource.new`. They have the same type, so the component stays valid; and
/// as nothing makes a handle any more, there is none that could be looked up: the engine ends every call of either.
///
/// # Errors
/// When a function is not where the section says.
pub(super) fn forbid_resources(component: &mut [u8]) -> Result<(), String> {
    for at in makers_of_resources(component).map_err(|error| error.to_string())? {
        match usize::try_from(at).ok().and_then(|at| component.get_mut(at)) {
            Some(byte) if *byte == RESOURCE_NEW => *byte = RESOURCE_REP,
            _ => return Err("its `resource.new` is not where it should be".to_owned()),
        }
    }
    Ok(())
}

/// Where `resource.new` stands.
fn makers_of_resources(component: &[u8]) -> wasmparser::Result<Vec<u64>> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        let Payload::ComponentCanonicalSection(functions) = payload? else { continue };
        for function in functions.into_iter_with_offsets() {
            if let (at, CanonicalFunction::ResourceNew { .. }) = function? {
                found.push(at);
            }
        }
    }
    Ok(found)
}

/// The parts of a module that have been seen.
#[derive(Clone, Copy, Debug, Default)]
struct Module {
    has_state: bool,
    exports: bool,
}

impl Module {
    /// The transform finds the way in beside a module's own exports.
    fn end(self) -> Result<Self, String> {
        if self.has_state && !self.exports {
            return Err("a module of it has memory or globals, and exports nothing".to_owned());
        }
        Ok(Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(component: &str) -> Result<(), String> {
        check(&wat::parse_str(component).unwrap())
    }

    #[test]
    fn what_an_image_cannot_hold_is_refused_and_resources_that_may_never_be_made_are_not() {
        let task = "(component (core func (canon task.cancel)))";
        assert!(checked(task).unwrap_err().starts_with("it has tasks"));
        let own = "(component (type $r (resource (rep i32))) (core func (canon resource.new $r)))";
        assert_eq!(checked(own), Ok(()));
        let given = "(component (import \"r\" (type $r (sub resource))) (core func (canon resource.drop $r)))";
        assert_eq!(checked(given), Ok(()));
    }

    #[test]
    fn no_resource_can_be_made_where_they_are_forbidden() {
        let text = "(component (component $c (type $r (resource (rep i32))) (core func (canon resource.new $r)))
            (type $r (resource (rep i32))) (core func (canon resource.drop $r))
            (core func (canon resource.new $r)) (core func (canon resource.rep $r)))";
        let mut component = wat::parse_str(text).unwrap();
        assert_eq!(makers_of_resources(&component).unwrap().len(), 2);
        forbid_resources(&mut component).unwrap();
        assert!(makers_of_resources(&component).unwrap().is_empty());
        wasmparser::Validator::new().validate_all(&component).unwrap();
        assert_eq!(component, wat::parse_str(text.replace("resource.new", "resource.rep")).unwrap());
    }

    #[test]
    fn state_in_a_module_that_lets_nobody_in_is_refused_wherever_the_module_is() {
        for state in ["(memory 1)", "(global (mut i32) (i32.const 0))"] {
            assert!(checked(&format!("(component (core module {state}))")).is_err(), "{state}");
            assert!(checked(&format!("(component (component (core module {state})))")).is_err(), "{state}");
            assert_eq!(checked(&format!("(component (core module {state} (func (export \"f\"))))")), Ok(()));
        }
        assert_eq!(checked("(component (core module (func (export \"f\"))) (core module))"), Ok(()));
    }
}
