//! Whether all that an instance of a component remembers lies in its memories and globals.
//!
//! What has no part in an image: tables, segments that were dropped, references (the transform refuses code that could
//! change them), and what the engine keeps for a component beside its modules: resources of its own, tasks, streams,
//! storage for threads. Code that could make any of these is refused here, whether `open` runs it or not.

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
                        return Err(
                            "it has resources, tasks or streams of its own, which an image cannot hold".to_owned()
                        );
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

/// Whether a function of the component model's leaves nothing behind. To drop a handle, one must have been given it, by a
/// call that ends the taking of an image.
fn is_stateless(function: &CanonicalFunction) -> bool {
    matches!(
        function,
        CanonicalFunction::Lift { .. } | CanonicalFunction::Lower { .. } | CanonicalFunction::ResourceDrop { .. }
    )
}

/// What has been seen of a module.
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
    fn resources_of_its_own_are_refused_and_handles_that_it_is_given_are_not() {
        let own = "(component (type $r (resource (rep i32))) (core func (canon resource.new $r)))";
        assert!(checked(own).unwrap_err().starts_with("it has resources"));
        let given = "(component (import \"r\" (type $r (sub resource))) (core func (canon resource.drop $r)))";
        assert_eq!(checked(given), Ok(()));
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
