//! Every interface that a component may import: what it reaches, the grant that provides it, and how it is linked. The
//! one table behind the linker, `check` and `inspect`: an interface that is not in it is never provided.

use wasmtime::Result;
use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random, sockets};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::{LinkOptions, http};
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use super::bindings::stage::sandmill::stage::host;
use super::command;
use super::store::HostState;
use sandmill_engine::plan::{Grant, Grants};
use sandmill_engine::report::{ImportUse, Provision};

/// The package of the stage interface; versions of it differ in what follows the `@`.
const PACKAGE: &str = "sandmill:stage/";
/// The host's own interface, in the version that this program speaks.
const HOST: &str = "sandmill:stage/host@0.1.0";
const WASI: &str = "wasi:";
/// WASI's versions from 0.2.0 on differ in what they add: the newest is linked for all.
const WASI_VERSION: &str = "0.2.";

/// An interface that the host can provide.
pub(super) struct Interface {
    /// Package and name; of WASI without the version.
    name: &'static str,
    /// The grant that provides it; `None` when it reaches nothing by itself.
    grant: Option<Grant>,
    reaches: &'static str,
    link: fn(&mut Linker<HostState>) -> Result<()>,
}

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

fn table(state: &mut HostState) -> &mut ResourceTable {
    let WasiCtxView { table, .. } = state.ctx();
    table
}

const fn free(name: &'static str, reaches: &'static str, link: fn(&mut Linker<HostState>) -> Result<()>) -> Interface {
    Interface { name, grant: None, reaches, link }
}

const fn by(
    grant: Grant,
    name: &'static str,
    reaches: &'static str,
    link: fn(&mut Linker<HostState>) -> Result<()>,
) -> Interface {
    Interface { name, grant: Some(grant), reaches, link }
}

/// There is no grant for sockets. A language may import them for its C library's sake, and use none.
const DENIED: &str = "nothing: every socket is denied; requests go through the \"http\" grant";

static INTERFACES: [Interface; 31] = [
    free(HOST, "log lines and panic messages: reaches nothing else", |l| {
        host::add_to_linker::<_, HasSelf<_>>(l, |state| state)
    }),
    free(command::PROGRAM, "arguments, standard input and output of a command", command::link),
    free("wasi:io/error", "streams of its own: reaches nothing by itself", |l| {
        io::error::add_to_linker::<_, Table>(l, table)
    }),
    free("wasi:io/poll", "waiting: reaches nothing by itself", |l| io::poll::add_to_linker::<_, Table>(l, table)),
    free("wasi:io/streams", "streams of its own: reaches nothing by itself", |l| {
        io::streams::add_to_linker::<_, Table>(l, table)
    }),
    free("wasi:cli/exit", "the end of its instance, which is a failure", |l| {
        cli::exit::add_to_linker::<_, WasiCli>(l, HostState::cli)
    }),
    free("wasi:cli/stdin", "nothing: it is empty", |l| cli::stdin::add_to_linker::<_, WasiCli>(l, HostState::cli)),
    free("wasi:cli/stdout", "log lines", |l| cli::stdout::add_to_linker::<_, WasiCli>(l, HostState::cli)),
    free("wasi:cli/stderr", "log lines", |l| cli::stderr::add_to_linker::<_, WasiCli>(l, HostState::cli)),
    free("wasi:cli/terminal-input", "nothing: there is no terminal", |l| {
        cli::terminal_input::add_to_linker::<_, WasiCli>(l, HostState::cli)
    }),
    free("wasi:cli/terminal-output", "nothing: there is no terminal", |l| {
        cli::terminal_output::add_to_linker::<_, WasiCli>(l, HostState::cli)
    }),
    free("wasi:cli/terminal-stdin", "nothing: there is no terminal", |l| {
        cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, HostState::cli)
    }),
    free("wasi:cli/terminal-stdout", "nothing: there is no terminal", |l| {
        cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, HostState::cli)
    }),
    free("wasi:cli/terminal-stderr", "nothing: there is no terminal", |l| {
        cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, HostState::cli)
    }),
    free("wasi:sockets/network", DENIED, |l| {
        sockets::network::add_to_linker::<_, WasiSockets>(l, &Default::default(), HostState::sockets)
    }),
    free("wasi:sockets/instance-network", DENIED, |l| {
        sockets::instance_network::add_to_linker::<_, WasiSockets>(l, HostState::sockets)
    }),
    free("wasi:sockets/tcp", DENIED, |l| sockets::tcp::add_to_linker::<_, WasiSockets>(l, HostState::sockets)),
    free("wasi:sockets/tcp-create-socket", DENIED, |l| {
        sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(l, HostState::sockets)
    }),
    free("wasi:sockets/udp", DENIED, |l| sockets::udp::add_to_linker::<_, WasiSockets>(l, HostState::sockets)),
    free("wasi:sockets/udp-create-socket", DENIED, |l| {
        sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(l, HostState::sockets)
    }),
    free("wasi:sockets/ip-name-lookup", DENIED, |l| {
        sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(l, HostState::sockets)
    }),
    by(Grant::Variables, "wasi:cli/environment", "variables that are granted", |l| {
        cli::environment::add_to_linker::<_, WasiCli>(l, HostState::cli)
    }),
    by(Grant::Folders, "wasi:filesystem/types", "folders that are granted", |l| {
        filesystem::types::add_to_linker::<_, WasiFilesystem>(l, HostState::filesystem)
    }),
    by(Grant::Folders, "wasi:filesystem/preopens", "folders that are granted", |l| {
        filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, HostState::filesystem)
    }),
    by(Grant::Clock, "wasi:clocks/wall-clock", "the time", |l| {
        clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, HostState::clocks)
    }),
    by(Grant::Clock, "wasi:clocks/monotonic-clock", "time that passes, and sleep", |l| {
        clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, HostState::clocks)
    }),
    by(Grant::Random, "wasi:random/random", "random numbers", |l| {
        random::random::add_to_linker::<_, WasiRandom>(l, HostState::random)
    }),
    by(Grant::Random, "wasi:random/insecure", "random numbers", |l| {
        random::insecure::add_to_linker::<_, WasiRandom>(l, HostState::random)
    }),
    by(Grant::Random, "wasi:random/insecure-seed", "a random number", |l| {
        random::insecure_seed::add_to_linker::<_, WasiRandom>(l, HostState::random)
    }),
    by(Grant::Http, "wasi:http/types", "requests to origins that are granted", |l| {
        http::types::add_to_linker::<_, WasiHttp>(l, &LinkOptions::default().into(), HostState::http)
    }),
    by(Grant::Http, "wasi:http/outgoing-handler", "requests to origins that are granted", |l| {
        http::outgoing_handler::add_to_linker::<_, WasiHttp>(l, HostState::http)
    }),
];

/// What a component's import is, before anything is granted. `types_only`: it asks for no function and no resource.
pub(super) fn look_at(import: &str, types_only: bool) -> ImportUse {
    let (provision, grants, reaches): (_, &[&str], _) = match known(import) {
        _ if types_only => (Provision::Always, &[], "types only: reaches nothing"),
        Some(Interface { grant: None, reaches, .. }) => (Provision::Always, &[], *reaches),
        Some(Interface { grant: Some(grant), reaches, .. }) => (Provision::Missing, grant.keys(), *reaches),
        None if import.starts_with(PACKAGE) => (Provision::Never, &[], "another version of the stage interface"),
        None => (Provision::Never, &[], "it is never granted"),
    };
    ImportUse { name: import.to_owned(), provision, grants: grants.to_vec(), reaches: reaches.to_owned() }
}

/// The same, for a component that has been granted something.
pub(super) fn granted(import: &ImportUse, grants: &Grants) -> ImportUse {
    let needs = grant_of(import);
    let provision = match import.provision {
        Provision::Missing if needs.is_some_and(|grant| grants.has(grant)) => Provision::Granted,
        provision @ (Provision::Always | Provision::Granted | Provision::Missing | Provision::Never) => provision,
    };
    ImportUse { provision, ..import.clone() }
}

/// The same, of a command: its streams are its own.
pub(super) fn look_at_command(import: ImportUse) -> ImportUse {
    let reaches = match import.name.split('@').next().unwrap_or_default() {
        "wasi:cli/stdin" => "its records",
        "wasi:cli/stdout" => "its outputs",
        "wasi:cli/terminal-stdout" | "wasi:cli/terminal-output" => "whether its outputs are written line by line",
        "wasi:cli/exit" => "the end of its run",
        _ => return import,
    };
    ImportUse { reaches: reaches.to_owned(), ..import }
}

/// The same, for a command that has been granted something: what its libraries ask for without need is there, and holds
/// nothing.
pub(super) fn granted_to_command(import: &ImportUse, grants: &Grants) -> ImportUse {
    let import = granted(import, grants);
    let nothing = match grant_of(&import) {
        _ if import.provision != Provision::Missing => return import,
        Some(Grant::Variables) => "nothing: there are no variables",
        Some(Grant::Folders) => "nothing: there are no folders",
        Some(Grant::Clock) => "a clock that stands still",
        Some(Grant::Random) => "numbers that are the same in every instance",
        Some(Grant::Http) | None => return import,
    };
    ImportUse { provision: Provision::Always, reaches: nothing.to_owned(), ..import }
}

/// The grant that an import needs.
pub(super) fn grant_of(import: &ImportUse) -> Option<Grant> {
    if import.grants.is_empty() { None } else { known(&import.name).and_then(|interface| interface.grant) }
}

/// Whether a component with this import has to be given the state that WASI works on.
pub(super) fn wants_state(import: &ImportUse) -> bool {
    import.name.starts_with(WASI)
}

/// Links the interfaces of these imports, and no others.
pub(super) fn link(linker: &mut Linker<HostState>, imports: &[ImportUse]) -> Result<()> {
    let wanted = |interface: &&Interface| imports.iter().any(|import| interface.is(&import.name));
    INTERFACES.iter().filter(wanted).try_for_each(|interface| (interface.link)(linker))
}

/// How a grant is written down: with a value, and with as little as it can have.
pub(super) fn example(grant: Grant) -> (&'static str, &'static str) {
    match grant {
        Grant::Folders => ("read = [\"data/\"]", "read = []"),
        Grant::Variables => ("env = { TZ = \"UTC\" }", "env = {}"),
        Grant::Http => ("http = [\"https://api.example.com\"]", "http = []"),
        Grant::Clock => ("clock = \"real\"", "clock = \"2026-01-01T00:00:00Z\""),
        Grant::Random => ("random = \"real\"", "random = 1"),
    }
}

fn known(import: &str) -> Option<&'static Interface> {
    INTERFACES.iter().find(|interface| interface.is(import))
}

impl Interface {
    fn is(&self, import: &str) -> bool {
        if !self.name.starts_with(WASI) {
            return self.name == import;
        }
        let Some((name, version)) = import.split_once('@') else { return false };
        let patch = version.strip_prefix(WASI_VERSION);
        name == self.name && patch.is_some_and(|patch| patch.parse::<u32>().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_release_of_wasi_0_2_is_known_and_no_other() {
        for import in ["wasi:io/poll@0.2.0", "wasi:io/poll@0.2.12", "wasi:io/poll@0.2.99", HOST] {
            assert!(known(import).is_some(), "{import}");
        }
        for import in [
            "wasi:io/poll",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll@0.2.0-rc-2023-11-10",
            "wasi:io/polls@0.2.0",
            "sandmill:stage/host@0.1.1",
            "wasi:keyvalue/store@0.2.0",
        ] {
            assert!(known(import).is_none(), "{import}");
        }
    }

    #[test]
    fn all_interfaces_can_be_linked_at_once() {
        let mut linker = Linker::new(&wasmtime::Engine::default());
        for interface in &INTERFACES {
            (interface.link)(&mut linker).unwrap_or_else(|error| panic!("{}: {error:#}", interface.name));
        }
    }
}
