//! Compiles components in a process of their own.
//!
//! The compiler cannot be stopped, and the size of its input does not show what it takes. A process can be ended, and
//! its memory has a bound that the system keeps. So a program that can be started as its own compiler says so
//! ([`compile_apart`]), as `sandmill` does; components are then compiled in such processes, one each, which also end
//! when nobody waits for them any more. Other programs compile within themselves, where `limits.compile` bounds only
//! how long they wait. What comes back is a file that the engine maps.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::panic::{self, AssertUnwindSafe};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
use tokio_util::sync::CancellationToken;
use wasmtime::CacheStore;
use wasmtime::component::Component;

use super::cache::Panicked;
use super::engine::{Engine, compiling};
use super::functions::Functions;
use super::work::{Unfit, Work};
use sandmill_engine::panic::panic_message;
use sandmill_engine::time::Instant;

/// The verb that makes a program a compiler. Settings and bounds follow it; they are for this version alone.
pub const VERB: &str = "compile-component";

/// Memory of a compilation, bytes: a base, and a multiple of the component's size. A Rust stage takes some 30 MiB,
/// CPython 22 bytes a byte, Ruby 57; the largest function that is let in takes some hundred MiB by itself. An image is
/// read, written into a component, and from there into its code.
const MEMORY_BASE: u64 = 384 << 20;
const MEMORY_FACTOR: u64 = 64;
const MEMORY_FACTOR_OF_IMAGE: u64 = 8;

/// Processor time of a compilation, seconds: a base, and more for each MiB of the component, or of its image. In a
/// release build CPython takes one second a MiB, in a debug build some three. A small component that takes a minute was
/// made to.
const TIME_BASE: u64 = 8;
const TIME_FACTOR: u64 = 16;

/// Memory of an image that is written out with the holes in it, so that instances map it. Otherwise each copies
/// thousands of pieces: Go's heap has holes beyond the 16 MiB of the engine's default. What is written is as large as
/// the memory of one instance.
const DENSE_IMAGE_BYTES_MAX: u64 = 64 << 20;

/// Compilers at work at one time within the process: each may be at a large function.
const THREADS_MAX: usize = 8;

/// How often it is looked whether the compiler has ended: less than what the shortest compilation takes.
const LOOK: Duration = Duration::from_millis(2);

/// How many times as long as its processor time a compilation may take in all. A machine on which it gets less than a
/// twentieth of one processor does not work; and one that waits for ever is ended, too.
const WAITS: u32 = 20;

/// Clock ticks in a second, as the system counts processor time in `/proc`: the same on all machines.
const TICK: Duration = Duration::from_millis(10);

/// Longest message of the compiler about a failure, bytes.
const WORDS_BYTES_MAX: u64 = 64 << 10;

/// Codes with which the process ends.
const REFUSED: i32 = 3;
const PANICKED: i32 = 4;
/// The process could not do its work: a full disk.
const UNABLE: i32 = 5;
/// There can be no image.
const UNFIT: i32 = 6;

static APART: OnceLock<()> = OnceLock::new();

/// Makes components compile in processes of this program from now on. The program calls `serve_as_compiler` when it is
/// started with `COMPILER_VERB`.
pub fn compile_apart() {
    // Said twice, it is as true.
    APART.set(()).unwrap_or_default();
}

/// How long a compilation is waited for, and how much of the machine it has.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    /// Processor time, or where that is not known, elapsed time.
    pub(super) most: Duration,
    /// Nobody waits any more when this is cancelled.
    pub(super) stop: CancellationToken,
    /// Nothing depends on it: it is left as soon as nobody waits.
    pub(super) is_beside: bool,
    threads: usize,
}

impl Wait {
    /// Something cannot continue without it.
    pub(super) fn for_it(most: Duration) -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        Self { most, stop: CancellationToken::new(), is_beside: false, threads }
    }

    /// It is made beside other work, on one thread, until `stop`.
    pub(super) fn beside(most: Duration, stop: &CancellationToken) -> Self {
        Self { most, stop: stop.clone(), is_beside: true, threads: 1 }
    }
}

/// Settings that code depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// Whether it counts fuel.
    pub(super) fuel: bool,
    /// Whether every NaN is the same one.
    pub(super) deterministic: bool,
    /// The largest memory, where it is compiled for memories without room around them; 0: it is not.
    pub(super) frugal_memory: u64,
}

/// The compiler has taken more than it may for a component of that size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooMuch {
    /// Of memory, bytes.
    #[error("compiling it takes more than {} of memory", bytesize::ByteSize(*.0).display().iec())]
    Memory(u64),
    /// Of processor time, seconds.
    #[error("compiling it takes more than {0} s of processor time")]
    Time(u64),
}

/// The bounds of a compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Allowance {
    memory: u64,
    seconds: u64,
}

impl Allowance {
    fn of(work: &Work) -> Self {
        let (bytes, of_image) = (work.wasm().len() as u64, work.image_bytes());
        let memory = MEMORY_FACTOR.saturating_mul(bytes) + MEMORY_FACTOR_OF_IMAGE.saturating_mul(of_image);
        let seconds = TIME_BASE + TIME_FACTOR * (bytes.saturating_add(of_image) >> 20);
        Self { memory: MEMORY_BASE.saturating_add(memory), seconds }
    }
}

/// Compiles in a process of its own, into `code`. `None` when that was not waited for to its end; the error of the
/// outer result says that there is no such process to be had.
pub(super) fn apart(
    engine: &Engine,
    work: &Work,
    code: &File,
    wait: &Wait,
) -> io::Result<Option<wasmtime::Result<()>>> {
    if APART.get().is_none() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let allowance = Allowance::of(work);
    let begun = Instant::now();
    let mut arguments = engine.settings.words(allowance).to_vec();
    arguments.extend(work.words());
    let mut child = spawn(&arguments, wait.threads, code)?;
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    thread::scope(|scope| {
        // The component is larger than a pipe, and the compiler may end before it has read it.
        scope.spawn(move || stdin.map(|mut stdin| work.write(&mut stdin)));
        let words = scope.spawn(move || {
            let mut words = Vec::new();
            let read = stderr.map(|stderr| stderr.take(WORDS_BYTES_MAX).read_to_end(&mut words));
            drop(read);
            String::from_utf8_lossy(&words).trim_end().to_owned()
        });
        let ended = end_of(&mut child, begun, wait);
        let words = words.join().unwrap_or_default();
        ended?.map(|status| came_of(status, words, allowance)).transpose()
    })
}

fn spawn(arguments: &[String], threads: usize, code: &File) -> io::Result<Child> {
    // Its own file, whatever has been put in its place since: another version compiles other code.
    Command::new("/proc/self/exe")
        .arg(VERB)
        .args(arguments)
        .env("RAYON_NUM_THREADS", threads.to_string())
        .env_remove("RUST_BACKTRACE")
        // Ctrl-C is for the one that waits, whose end ends this process, too.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(code.try_clone()?)
        .stderr(Stdio::piped())
        .spawn()
}

/// Waits for the end of the process, and ends it when it has used this much processor time: what others do on this
/// machine meanwhile is not its fault. Also when nobody needs it any more.
fn end_of(child: &mut Child, begun: Instant, Wait { most, stop, .. }: &Wait) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        // It cannot have used more than passed on all of its threads, so it is not asked all the time.
        let passed = begun.elapsed();
        let is_over = passed.saturating_mul(THREADS_MAX as u32) >= *most
            && (used(child).unwrap_or(passed) >= *most || passed >= most.saturating_mul(WAITS));
        if is_over || stop.is_cancelled() {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::park_timeout(LOOK);
    }
}

/// Processor time that the process has used, in the program and in the system. `None`: it is not known.
fn used(child: &Child) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).ok()?;
    // Its name is in parentheses, and may have some in it. From there on, the two times are the 12th and 13th word.
    let (_, words) = stat.rsplit_once(')')?;
    let mut times = words.split_whitespace().skip(11).map(|word| word.parse::<u32>().ok());
    Some(TICK.saturating_mul(times.next()??.saturating_add(times.next()??)))
}

/// The meaning of the process's end for the component.
///
/// # Errors
/// Nothing: the process could not do its work.
fn came_of(status: ExitStatus, words: String, allowance: Allowance) -> io::Result<wasmtime::Result<()>> {
    let ran_out = words.contains("memory allocation of") || words.contains("Cannot allocate memory");
    Ok(match status.code() {
        Some(0) => Ok(()),
        Some(REFUSED | PANICKED) if ran_out => Err(TooMuch::Memory(allowance.memory).into()),
        Some(REFUSED) => Err(wasmtime::Error::msg(words)),
        Some(UNFIT) => Err(Unfit(words).into()),
        Some(PANICKED) => Err(Panicked(words).into()),
        Some(_) => return Err(io::Error::other(words)),
        None if status.signal() == Some(Signal::XCPU.as_raw()) => Err(TooMuch::Time(allowance.seconds).into()),
        // By another signal: the allocator's own, or the system's, which was short of memory before the bound was met.
        None if ran_out || words.is_empty() => Err(TooMuch::Memory(allowance.memory).into()),
        None => Err(Panicked(words).into()),
    })
}

impl Settings {
    /// As arguments of a process with these bounds.
    fn words(self, Allowance { memory, seconds }: Allowance) -> [String; 5] {
        let Self { fuel, deterministic, frugal_memory } = self;
        let numbers = [frugal_memory, memory, seconds].map(|number| number.to_string());
        let [frugal_memory, memory, seconds] = numbers;
        [fuel.to_string(), deterministic.to_string(), frugal_memory, memory, seconds]
    }

    /// Reads what [`Self::words`] wrote. What follows it.
    fn read(words: &[String]) -> Option<(Self, Allowance, &[String])> {
        let [fuel, deterministic, frugal_memory, memory, seconds, rest @ ..] = words else { return None };
        let settings = Self {
            fuel: fuel.parse().ok()?,
            deterministic: deterministic.parse().ok()?,
            frugal_memory: frugal_memory.parse().ok()?,
        };
        Some((settings, Allowance { memory: memory.parse().ok()?, seconds: seconds.parse().ok()? }, rest))
    }
}

/// Serves as a compiler: reads a component, and writes its code. Returns the code with which the process ends; what
/// went wrong goes to `words`.
pub fn serve(arguments: &[String], wasm: &mut dyn Read, code: &mut dyn Write, words: &mut dyn Write) -> u8 {
    // A panic is reported once, by the one that waits.
    panic::set_hook(Box::new(|_| {}));
    let served = panic::catch_unwind(AssertUnwindSafe(|| -> io::Result<wasmtime::Result<()>> {
        let (settings, work) = begin(arguments, wasm)?;
        match compile(settings, work) {
            Ok(compiled) => code.write_all(&compiled).and_then(|()| code.flush()).map(Ok),
            Err(refused) => Ok(Err(refused)),
        }
    }));
    let (exit, why) = match served {
        Ok(Ok(Ok(()))) => return 0,
        Ok(Ok(Err(refused))) if refused.is::<Unfit>() => (UNFIT, refused.to_string()),
        Ok(Ok(Err(refused))) => (REFUSED, format!("{refused:#}")),
        Ok(Err(error)) => (UNABLE, error.to_string()),
        Err(panic) => (PANICKED, panic_message(&*panic)),
    };
    // Nobody is left to hear it when it cannot be written.
    words.write_all(why.as_bytes()).unwrap_or_default();
    u8::try_from(exit).unwrap_or(u8::MAX)
}

/// Binds the process, and reads what it is given.
fn begin(arguments: &[String], given: &mut dyn Read) -> io::Result<(Settings, Work)> {
    let (settings, allowance, rest) = Settings::read(arguments).ok_or(io::ErrorKind::InvalidInput)?;
    // Nobody waits for it when the one that has asked is gone.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    bind(Resource::Data, allowance.memory)?;
    bind(Resource::Cpu, allowance.seconds)?;
    // The signal that ends it for its time would leave a core dump.
    bind(Resource::Core, 0)?;
    let mut input = Vec::new();
    given.read_to_end(&mut input)?;
    let work = Work::read(rest, input).ok_or(io::ErrorKind::InvalidInput)?;
    Ok((settings, work))
}

fn bind(resource: Resource, most: u64) -> io::Result<()> {
    let maximum = getrlimit(resource).maximum;
    let current = maximum.map_or(most, |maximum| maximum.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(current), maximum })?)
}

/// The code of what there is to compile.
///
/// # Errors
/// When it is refused, or there can be no image.
pub(super) fn compile(settings: Settings, work: Work) -> wasmtime::Result<Vec<u8>> {
    let mut config = compiling(settings);
    if work.is_image() {
        config.memory_guaranteed_dense_image_size(DENSE_IMAGE_BYTES_MAX);
    }
    let component = work.component()?;
    let engine = wasmtime::Engine::new(&config)?;
    let Some(functions) = Functions::of_user(&engine, &component) else {
        return Component::from_binary(&engine, &component)?.serialize();
    };
    let asked: Arc<dyn CacheStore> = functions.clone();
    config.enable_incremental_compilation(asked)?;
    let code = Component::from_binary(&wasmtime::Engine::new(&config)?, &component)?.serialize()?;
    functions.finish();
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_were_written() {
        let settings = Settings { fuel: true, deterministic: false, frugal_memory: 1 << 32 };
        let allowance = Allowance { memory: 7, seconds: 8 };
        let words = [&settings.words(allowance)[..], &["component".to_owned()]].concat();
        assert_eq!(Settings::read(&words), Some((settings, allowance, &words[5..])));
        assert_eq!(Settings::read(&["true".to_owned()]), None);
    }

    #[test]
    fn processor_time_is_counted_and_not_the_time_that_passes() {
        let mut idle = Command::new("sleep").arg("60").spawn().unwrap();
        let mut busy = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let most = Duration::from_millis(50);
        assert_eq!(end_of(&mut busy, Instant::now(), &Wait::for_it(most)).unwrap(), None);
        assert!(used(&idle).unwrap() < most, "though as much time has passed");
        let short = Wait::for_it(Duration::from_millis(1));
        assert_eq!(end_of(&mut idle, Instant::now(), &short).unwrap(), None, "but not for ever");
    }

    #[test]
    fn a_compiler_that_nobody_waits_for_any_more_is_ended() {
        let mut idle = Command::new("sleep").arg("600").spawn().unwrap();
        let stop = CancellationToken::new();
        let wait = Wait::beside(Duration::from_secs(3600), &stop);
        let waiting = thread::spawn(move || (end_of(&mut idle, Instant::now(), &wait).unwrap(), idle));
        stop.cancel();
        let (ended, mut idle) = waiting.join().unwrap();
        assert_eq!(ended, None);
        assert_eq!(idle.try_wait().unwrap().unwrap().signal(), Some(Signal::KILL.as_raw()));
    }

    /// A full disk, or a process that was not started as it should be, is not the component's fault.
    #[test]
    fn what_the_end_of_a_compiler_says() {
        let allowance = Allowance { memory: 7, seconds: 8 };
        let of = |status: i32, words: &str| came_of(ExitStatus::from_raw(status), words.to_owned(), allowance);
        assert!(of(0, "").unwrap().is_ok());
        assert!(of(UNABLE << 8, "No space left on device").is_err() && of(127 << 8, "").is_err());
        let refused = |status, words| of(status, words).unwrap().unwrap_err();
        let too_much = |status, words| *refused(status, words).downcast_ref::<TooMuch>().unwrap();
        assert_eq!(too_much(6, "memory allocation of 5 bytes failed"), TooMuch::Memory(7));
        assert_eq!(too_much(9, ""), TooMuch::Memory(7));
        assert_eq!(too_much(REFUSED << 8, "mmap: Cannot allocate memory"), TooMuch::Memory(7));
        assert_eq!(too_much(Signal::XCPU.as_raw(), ""), TooMuch::Time(8));
        assert!(refused(6, "thread has overflowed its stack").is::<Panicked>());
        assert!(refused(PANICKED << 8, "seventeen").is::<Panicked>());
        assert_eq!(refused(REFUSED << 8, "unexpected end").to_string(), "unexpected end");
        assert_eq!(refused(UNFIT << 8, "it has tasks").downcast_ref(), Some(&Unfit("it has tasks".to_owned())));
    }
}
