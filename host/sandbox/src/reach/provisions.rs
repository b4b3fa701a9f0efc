//! Grants, made ready: variables read, folders opened. Once for all instances of a stage.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};
use wasmtime_wasi_http::WasiHttpCtx;

use super::super::egress::{Egress, EgressBounds, SystemResolver};
use super::super::log::GuestLog;
use super::clock::FixedClock;
use super::files::OPENINGS_MAX;
use super::requests::FIELDS_BYTES_MAX;
use super::stdio::LogStream;
use super::{HANDLES_MAX, Http, Reach};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::plan::{Clock, FolderGrant, Grants, Randomness, Variable, VariableSource};
use sandmill_engine::redact::SECRET_BYTES_MIN;
use sandmill_engine::report::LogLevel;
use sandmill_engine::suggest;

/// Longest file with the value of a variable, bytes. Arbitrary: room for any certificate.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Random bytes in one call. Arbitrary: they are made on the guest's own thread, in about a millisecond.
const RANDOM_BYTES_MAX: u64 = 1 << 20;

/// The grants of a component, read and opened.
pub(crate) struct Provisions {
    /// Names and values.
    variables: Vec<(String, String)>,
    /// The variables that are secrets.
    secrets: Vec<(String, String)>,
    folders: WasiFilesystemCtx,
    /// Places for files that are being opened, for all instances together.
    openings: Arc<Semaphore>,
    clock: Clock,
    random: Randomness,
    /// The way out of those that may send requests.
    egress: Option<Arc<Egress>>,
}

impl std::fmt::Debug for Provisions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without values: this is where the secrets are.
        f.debug_struct("Provisions").field("clock", &self.clock).field("random", &self.random).finish_non_exhaustive()
    }
}

impl Provisions {
    /// Reads the variables and opens the folders. `node` is who is granted them: `stage "parse"`.
    /// Its requests, bounded by `egress`, will run on `io`.
    ///
    /// # Errors
    /// When a variable of the host is not set, a file or folder is not there, or a secret is too short to be removed.
    pub(crate) fn read(node: &str, grants: &Grants, egress: EgressBounds, io: &Handle) -> Result<Self> {
        let read = |variable: &Variable| {
            let value = value(variable).map_err(|error| error.within(node))?;
            Ok(((variable.name.to_string(), value), variable.secret))
        };
        let variables = grants.variables.iter().flatten().map(read).collect::<Result<Vec<_>>>()?;
        let secrets = variables.iter().filter(|(_, secret)| *secret).map(|(variable, _)| variable.clone()).collect();
        let folders = open(grants.folders.as_deref().unwrap_or_default()).map_err(|error| error.within(node))?;
        Ok(Self {
            variables: variables.into_iter().map(|(variable, _)| variable).collect(),
            secrets,
            folders,
            openings: Arc::new(Semaphore::new(OPENINGS_MAX)),
            // What was not granted is not linked either; were it, it would tell nothing.
            clock: grants.clock.unwrap_or(Clock::Fixed(UNIX_EPOCH)),
            random: grants.random.unwrap_or(Randomness::Seed(0)),
            egress: grants
                .http
                .clone()
                .map(|rules| Egress::new(rules, egress, Arc::new(SystemResolver::default()), io.clone())),
        })
    }

    /// The names and values of the secrets.
    pub(crate) fn secrets(&self) -> &[(String, String)] {
        &self.secrets
    }

    /// What one instance is given, whose output goes to `log`. `give` adds to it.
    pub(crate) fn reach(&self, log: &Arc<GuestLog>, give: impl FnOnce(&mut WasiCtxBuilder)) -> Reach {
        let stream = |level| LogStream { log: Arc::clone(log), level };
        let mut builder = WasiCtxBuilder::new();
        builder.envs(&self.variables).stdout(stream(LogLevel::Info)).stderr(stream(LogLevel::Warn));
        let fixed = match self.clock {
            Clock::Real => None,
            Clock::Fixed(time) => Some(FixedClock::new(time)),
        };
        if let Some(clock) = &fixed {
            builder.wall_clock(clock.clone()).monotonic_clock(clock.clone());
        }
        builder.max_random_size(RANDOM_BYTES_MAX);
        if let Randomness::Seed(seed) = self.random {
            // Three independent streams of one generator.
            let [secure, insecure, mut once] = [0, 1, 2].map(|stream| generator(seed, stream));
            let number = u128::from(once.next_u64()) << 64 | u128::from(once.next_u64());
            builder.secure_random(secure).insecure_random(insecure).insecure_random_seed(number);
        }
        give(&mut builder);
        let mut wasi = builder.build();
        wasi.filesystem().clone_from(&self.folders);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        let (worker, guest_output) = log.speaker();
        let hooks = self.egress.as_ref().map(|egress| egress.hooks(worker, guest_output));
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(FIELDS_BYTES_MAX);
        let http = hooks.map(|hooks| Http { context, hooks });
        Reach { wasi, table, http, fixed, openings: Arc::clone(&self.openings) }
    }
}

/// A generator whose numbers are the same on every machine and in every version.
fn generator(seed: u64, stream: u64) -> ChaCha20Rng {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *to = from;
    }
    let mut generator = ChaCha20Rng::from_seed(bytes);
    generator.set_stream(stream);
    generator
}

fn value(variable: &Variable) -> Result<String> {
    let Variable { name, secret, .. } = variable;
    let key = if *secret { "secret" } else { "env" };
    let value = match &variable.value {
        VariableSource::Literal(value) => value.clone(),
        VariableSource::Environment(host) => of_environment(host).map_err(|what| {
            let error = Error::config(format!("\"{key}\" grants {name:?}, but the variable {host:?} {what}"));
            error.hint(format!("set it before the run: export {host}=…"))
        })?,
        VariableSource::File(path) => of_file(path).map_err(|cause| {
            let file = path.display();
            Error::config(format!("\"{key}\" grants {name:?}, but the file \"{file}\" cannot be read")).caused_by(cause)
        })?,
    };
    if value.contains('\0') {
        return Err(Error::config(format!("\"{key}\" grants {name:?}, whose value contains a NUL character")));
    }
    if *secret && value.len() < SECRET_BYTES_MIN {
        let length = value.len();
        return Err(Error::config(format!("\"secret\" grants {name:?}, whose value has {length} bytes"))
            .hint(format!("a secret has at least {SECRET_BYTES_MIN}: a shorter one cannot be told from other text"))
            .hint("if it is not a secret, grant it as \"env\""));
    }
    Ok(value)
}

fn of_environment(name: &str) -> Result<String, &'static str> {
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => "is not set",
        std::env::VarError::NotUnicode(_) => "is not UTF-8",
    })
}

fn of_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    // What an editor leaves at the end of a file is not part of a value.
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Opened once: a folder that is renamed later is still the same, and no instance pays for it.
fn open(folders: &[FolderGrant]) -> Result<WasiFilesystemCtx> {
    let mut builder = WasiCtxBuilder::new();
    for FolderGrant { host, guest, write } in folders {
        let (key, permissions) = if *write { ("write", FsPerms::ReadWrite) } else { ("read", FsPerms::ReadOnly) };
        let refused = |what: &str| Error::config(format!("\"{key}\" grants the folder \"{}\", {what}", host.display()));
        let metadata = std::fs::metadata(host).map_err(|cause| {
            let error = refused("which cannot be opened").caused_by(cause);
            match suggest::beside(host, Path::is_dir) {
                Some(meant) => error.hint(format!("did you mean \"{}\"?", meant.display())),
                None => error.hint("paths begin at the folder of the pipeline file"),
            }
        })?;
        if !metadata.is_dir() {
            return Err(refused("which is not a folder").hint("grant its folder"));
        }
        builder
            .preopened_dir(host, guest, permissions)
            .map_err(|cause| refused("which cannot be opened").caused_by(format!("{cause:#}")))?;
    }
    Ok(builder.build().filesystem().clone())
}
