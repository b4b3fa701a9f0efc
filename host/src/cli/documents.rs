//! Writes what is installed beside the program: completions for shells, and pages for `man`. Both are made of the
//! command line's own definition, so they say what it says.

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::Arguments;
use super::print;
use crate::error::{Error, Result};
use crate::exit::Exit;

/// What `--version` says: the version, and in a release build the commit.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), env!("SANDMILL_BUILD"));

const NAME: &str = "sandmill";

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    sandmill completions bash > ~/.local/share/bash-completion/completions/sandmill\n  \
    sandmill completions zsh > ~/.zfunc/_sandmill      # with `fpath+=~/.zfunc` before `compinit`\n  \
    sandmill completions fish > ~/.config/fish/completions/sandmill.fish")]
pub(crate) struct CompletionsArguments {
    /// The shell to complete for.
    pub(crate) shell: Shell,
}

/// Print a page for `man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sandmill man | man -l -\n  sandmill man run > sandmill-run.1\n\n\
                        `make man` writes all of them.")]
pub(crate) struct ManArguments {
    /// The verb that the page is about; without one, the page is about the whole program.
    pub(crate) verb: Vec<String>,
}

/// Prints completions.
///
/// # Errors
/// When they cannot be written.
pub(super) fn completions(arguments: &CompletionsArguments) -> Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), NAME, &mut text);
    print::result(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Ok)
}

/// Prints a page.
///
/// # Errors
/// When there is no such verb, or the page cannot be written.
pub(super) fn man(arguments: &ManArguments) -> Result<Exit> {
    print::result(&page(&arguments.verb)?)?;
    Ok(Exit::Ok)
}

fn page(verbs: &[String]) -> Result<String> {
    let mut program = Arguments::command();
    program.build();
    let mut command = &program;
    for verb in verbs {
        command = command.find_subcommand(verb).ok_or_else(|| unknown(command, verb))?;
    }
    let name = command.get_display_name().unwrap_or(NAME).to_owned();
    let mut text = Vec::new();
    Man::new(command.clone())
        .title(name)
        .source(format!("{NAME} {VERSION}"))
        .render(&mut text)
        .map_err(|error| Error::internal("a page cannot be made").caused_by(error))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn unknown(command: &Command, verb: &str) -> Error {
    let verbs: Vec<&str> = command.get_subcommands().map(Command::get_name).filter(|name| *name != "help").collect();
    let error = Error::config(format!("\"{}\" has no command \"{verb}\"", command.get_name()));
    match verbs.as_slice() {
        [] => error.hint("leave it out"),
        verbs => error.hint(format!("its commands are {}", verbs.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verbs() -> Vec<String> {
        Arguments::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
    }

    #[test]
    fn completions_know_every_verb() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), NAME, &mut text);
            let text = String::from_utf8(text).unwrap();
            let missing: Vec<_> = verbs().into_iter().filter(|verb| !text.contains(verb.as_str())).collect();
            assert!(missing.is_empty(), "{shell}: {missing:?}");
        }
    }

    #[test]
    fn every_verb_has_a_page_of_its_own_name() {
        assert!(page(&[]).unwrap().contains(".TH sandmill 1"), "{}", page(&[]).unwrap());
        for verb in verbs() {
            let text = page(std::slice::from_ref(&verb)).unwrap();
            assert!(text.contains(&format!(".TH sandmill-{verb} 1")), "{text}");
            assert!(text.contains("Example"), "{text}");
        }
        let nested = page(&["dead-letters".to_owned(), "list".to_owned()]).unwrap();
        assert!(nested.contains(".TH sandmill-dead-letters-list 1"), "{nested}");
    }

    #[test]
    fn a_verb_that_does_not_exist_has_no_page() {
        let error = page(&["rnu".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "\"sandmill\" has no command \"rnu\"");
        assert!(error.hints()[0].contains("run, check"), "{:?}", error.hints());
        assert_eq!(page(&["run".to_owned(), "x".to_owned()]).unwrap_err().hints(), ["leave it out"]);
    }
}
