//! A terminal to run commands in: a pty whose bytes go to a terminal's parser, so that a test sees what a person would.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use vt100::Parser;

use crate::command::{BOUND, Sandbox};

/// How often a screen is looked at that does not show yet what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A command in a terminal of its own. Ends with it.
#[derive(Debug)]
pub struct Terminal {
    keyboard: File,
    screen: Arc<Mutex<Seen>>,
    /// Ends when the command has ended and all that it wrote is on the screen.
    follower: JoinHandle<()>,
    child: Child,
}

/// The size of a terminal.
#[derive(Clone, Copy, Debug)]
pub struct WindowSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub columns: u16,
}

/// What the terminal was sent.
struct Seen {
    parser: Parser,
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.parser.screen().contents())
    }
}

impl Terminal {
    /// Runs a command line of the shell in a terminal of that size. It is the session's leader, so keys
    /// that are signals reach it.
    ///
    /// # Errors
    /// When the system gives no terminal.
    pub fn run(sandbox: &Sandbox, line: &str, size: WindowSize) -> Result<Self> {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&keyboard)?;
        unlockpt(&keyboard)?;
        let name = ptsname(&keyboard, Vec::new())?.into_string()?;
        let device = File::options().read(true).write(true).open(name)?;
        tcsetwinsize(&device, size.winsize())?;
        let mut command = prepared(sandbox, line);
        command.stdin(device.try_clone()?).stdout(device.try_clone()?).stderr(device);
        let child = command.spawn().context("setsid")?;
        // The command keeps the only open ends of the device: when it has ended, reading ends as well.
        drop(command);
        let keyboard = File::from(keyboard);
        let screen = Arc::new(Mutex::new(Seen { parser: Parser::new(size.rows, size.columns, 0), bytes: Vec::new() }));
        let follower = follow(keyboard.try_clone()?, Arc::clone(&screen));
        Ok(Self { keyboard, screen, follower, child })
    }

    /// The lines that it shows, without blank ones at the end.
    #[must_use]
    pub fn screen(&self) -> String {
        let seen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.parser.screen().contents().trim_end().to_owned()
    }

    /// All bytes that it was sent.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).bytes.clone()
    }

    /// Presses keys.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        Ok(self.keyboard.write_all(keys.as_bytes())?)
    }

    /// Changes its size, as a person who drags its corner does. Lines that are too wide are cut, not broken.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn resize(&self, size: WindowSize) -> Result<()> {
        let mut seen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.parser.screen_mut().set_size(size.rows, size.columns);
        drop(seen);
        Ok(tcsetwinsize(&self.keyboard, size.winsize())?)
    }

    /// Waits until it shows something.
    ///
    /// # Errors
    /// When it does not for too long: the error is the screen.
    pub async fn until(&self, shows: impl Fn(&str) -> bool) -> Result<String> {
        let looking = async {
            loop {
                let screen = self.screen();
                if shows(&screen) {
                    return screen;
                }
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(BOUND, looking).await.map_err(|_| anyhow::anyhow!("the screen shows\n{}", self.screen()))
    }

    /// Waits for the end of the command; returns its exit code and what is on the screen then.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn end(mut self) -> Result<(i32, String)> {
        let status = timeout(BOUND, self.child.wait()).await.context(self.screen())??;
        let followed = async {
            while !self.follower.is_finished() {
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(BOUND, followed).await.context("something holds the terminal open")?;
        let shown = self.screen();
        ensure!(status.code().is_some(), "it was ended by a signal: {shown}");
        Ok((status.code().unwrap_or_default(), shown))
    }
}

/// `setsid` makes the terminal that of the command, which keys are to interrupt.
fn prepared(sandbox: &Sandbox, line: &str) -> Command {
    let shell = sandbox.shell("");
    let mut command = Command::new("setsid");
    command.args(["--ctty", "sh", "-c", line]).current_dir(sandbox.path()).kill_on_drop(true).stdin(Stdio::null());
    for (name, value) in shell.as_std().get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("TERM", "vt100");
    command
}

/// Gives the parser what the terminal is sent, until nobody can send any more.
fn follow(mut device: File, screen: Arc<Mutex<Seen>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = device.read(&mut bytes) {
            let mut seen = screen.lock().unwrap_or_else(PoisonError::into_inner);
            let bytes = bytes.get(..read).unwrap_or_default();
            seen.parser.process(bytes);
            seen.bytes.extend_from_slice(bytes);
        }
    })
}

impl WindowSize {
    fn winsize(self) -> Winsize {
        Winsize { ws_row: self.rows, ws_col: self.columns, ws_xpixel: 0, ws_ypixel: 0 }
    }
}
