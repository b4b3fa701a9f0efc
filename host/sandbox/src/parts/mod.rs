//! Counts the parts of a component before anything is compiled.
//!
//! A few bytes can ask the compiler for gigabytes: a component that instantiates its predecessor twice, thirty times
//! over, or a function of a thousand calls that return a thousand values each. So a component that is to be compiled is
//! walked here first. The walk reads the file once, keeps a few words for each type and function, and recurses nowhere.
//! It judges sizes alone: whether the component is sound is the compiler's to say.

mod code;
mod component;
mod module;

use wasmparser::{BinaryReaderError, Encoding, Parser, Payload};

use component::ComponentScope;
use module::ModuleScope;

/// Why a component is not given to the compiler.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    /// There is too much of something.
    #[error("it has {found} {what}; at most {most} are allowed")]
    TooMany {
        /// The parts that there are too many of.
        what: &'static str,
        /// How much is allowed.
        most: u64,
        /// How much had been found when the walk ended: it ends as soon as a bound is exceeded.
        found: u64,
    },
    /// It takes a component out of an import or an instance, and instantiates it: what that costs cannot be known.
    #[error("it instantiates a component that is an import or an export of another, which is not supported")]
    ForeignComponent,
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

type Result<T> = std::result::Result<T, Refused>;

impl From<BinaryReaderError> for Refused {
    fn from(error: BinaryReaderError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// How many of something there may be.
#[derive(Clone, Copy, Debug)]
struct Bound {
    what: &'static str,
    most: u64,
}

impl Bound {
    const fn new(most: u64, what: &'static str) -> Self {
        Self { what, most }
    }

    fn hold(self, found: u64) -> Result<()> {
        let Self { what, most } = self;
        if found > most { Err(Refused::TooMany { what, most, found }) } else { Ok(()) }
    }
}

/// How deep components and modules may be nested. Tools nest them two or three deep.
const NESTING: Bound = Bound::new(32, "levels of nesting");
/// Components and modules in one file. CPython comes as some 40.
const MODULES: Bound = Bound::new(1_000, "components and modules");
/// Functions of all modules. CPython has 20,000, a large Go program 100,000.
const FUNCTIONS: Bound = Bound::new(300_000, "functions");
/// Local variables of all functions. A large program that was compiled without optimisation has some millions.
const LOCALS: Bound = Bound::new(10_000_000, "local variables");
/// Declarations of all modules: types, their parameters and results, imports, exports, globals, segments.
const DECLARATIONS: Bound = Bound::new(2_000_000, "declarations in its modules");
/// Elements of the segments of all modules.
const ELEMENTS: Bound = Bound::new(2_000_000, "table elements in segments");
/// What all tables begin with: no limit lets an instance have more.
const TABLES: Bound = Bound::new(sandmill_engine::plan::bounds::TABLE_MAX, "initial table elements");
/// Memories of all modules: the compiler prepares up to 16 MiB of each.
const MEMORIES: Bound = Bound::new(16, "memories");
/// Entries of all name sections.
const NAMES: Bound = Bound::new(1_000_000, "names of functions");

/// The counts of the whole file.
#[derive(Debug, Default)]
struct Totals {
    modules: u64,
    functions: u64,
    locals: u64,
    declarations: u64,
    elements: u64,
    tables: u64,
    memories: u64,
    names: u64,
    /// Bytes of what components declare, their modules not counted.
    interface: u64,
}

/// Adds to a count that is bounded.
fn add(count: &mut u64, more: u64, bound: Bound) -> Result<()> {
    *count = count.saturating_add(more);
    bound.hold(*count)
}

/// A component or a module whose end has not come yet.
#[derive(Debug)]
enum Scope {
    Component(ComponentScope),
    Module(ModuleScope),
}

/// Walks a component.
///
/// # Errors
/// When it has more of anything than is compiled.
#[expect(clippy::wildcard_enum_match_arm, reason = "the scopes tell all other sections apart")]
pub(super) fn count(wasm: &[u8]) -> Result<()> {
    let (mut totals, mut scopes) = (Totals::default(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::Version { encoding, .. } => begin(&mut scopes, encoding, &mut totals)?,
            Payload::End(_) => end(&mut scopes),
            payload => match scopes.split_last_mut() {
                Some((Scope::Module(module), _)) => module.section(payload, &mut totals)?,
                Some((Scope::Component(component), around)) => component.section(payload, around, &mut totals)?,
                None => {}
            },
        }
    }
    Ok(())
}

fn begin(scopes: &mut Vec<Scope>, encoding: Encoding, totals: &mut Totals) -> Result<()> {
    add(&mut totals.modules, 1, MODULES)?;
    scopes.push(match encoding {
        Encoding::Component => Scope::Component(ComponentScope::default()),
        Encoding::Module => Scope::Module(ModuleScope::default()),
    });
    NESTING.hold(scopes.len() as u64)
}

fn end(scopes: &mut Vec<Scope>) {
    if let (Some(Scope::Component(inner)), Some(Scope::Component(around))) = (scopes.pop(), scopes.last_mut()) {
        around.define(&inner);
    }
}

#[cfg(test)]
mod tests;
