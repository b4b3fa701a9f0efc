//! Prints what the parser of the command line reports: a mistake in the arguments, or a help text.
//!
//! The parser repeats arguments as they are. So what it quotes is made fit to be read before it writes its message, and
//! what it could not guess is suggested here, by the same measure that the pipeline file has.

use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory as _};

use super::args::Arguments;
use super::print;
use crate::error::Result;
use crate::exit::Exit;
use crate::legible::one_line;
use crate::suggest::nearest;

/// Prints what the parser says.
///
/// # Errors
/// When a help text cannot be written to standard output.
pub(super) fn tell(mut said: clap::Error) -> Result<Exit> {
    if !said.use_stderr() {
        print::result(&said.render().ansi().to_string())?;
        return Ok(Exit::Ok);
    }
    suggest(&mut said);
    make_legible(&mut said);
    let text = said.render().ansi().to_string();
    // A help text fits the terminal already.
    if said.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        print::laid_out(&text);
    } else {
        print::message(&text);
    }
    Ok(Exit::Usage)
}

/// Makes everything fit to be read that the message quotes from the arguments.
fn make_legible(said: &mut clap::Error) {
    let parts: Vec<(ContextKind, ContextValue)> = said.context().map(|(kind, value)| (kind, value.clone())).collect();
    let mut quoted: Vec<(String, String)> = Vec::new();
    let mut legible = |raw: &String| {
        let shown = one_line(raw);
        if shown != *raw {
            quoted.push((raw.clone(), shown.clone()));
        }
        shown
    };
    for (kind, value) in &parts {
        if let ContextValue::String(raw) = value {
            said.insert(*kind, ContextValue::String(legible(raw)));
        } else if let ContextValue::Strings(raws) = value {
            said.insert(*kind, ContextValue::Strings(raws.iter().map(&mut legible).collect()));
        }
    }
    // The parser's own sentences, with the same arguments in them.
    for (kind, value) in parts {
        if let ContextValue::StyledStrs(sentences) = value {
            let replaced =
                |sentence: String| quoted.iter().fold(sentence, |text, (raw, shown)| text.replace(raw, shown));
            let sentences = sentences.iter().map(|sentence| replaced(sentence.ansi().to_string()).into());
            said.insert(kind, ContextValue::StyledStrs(sentences.collect()));
        }
    }
}

/// Adds what was probably meant, where the parser has no suggestion: a verb with swapped letters, an option of another
/// verb.
fn suggest(said: &mut clap::Error) {
    if !matches!(said.kind(), ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument) {
        return;
    }
    let has = |kind| said.get(kind).is_some_and(|value| !value.to_string().is_empty());
    if has(ContextKind::SuggestedSubcommand) || has(ContextKind::SuggestedArg) {
        return;
    }
    let program = Arguments::command();
    let word = |kind| said.get(kind).map(ToString::to_string);
    if let Some(verb) = word(ContextKind::InvalidSubcommand) {
        // The message does not say of which command, but shows how that one is used.
        let usage = word(ContextKind::Usage).unwrap_or_default();
        let within = visible(&program).find(|verb| usage.contains(&format!(" {} ", verb.get_name())));
        if let Some(meant) = nearest(&verb, visible(within.unwrap_or(&program)).map(Command::get_name)) {
            said.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![meant.to_owned()]));
        }
    } else if let Some(option) = word(ContextKind::InvalidArg)
        && let Some(meant) = option.strip_prefix("--").and_then(|option| of_a_verb(&program, option))
        && !has(ContextKind::Suggested)
    {
        let exists = format!("'{meant}' exists");
        said.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![exists.into()]));
    }
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}

/// `sandmill run --json`: a verb with the option that was probably meant.
fn of_a_verb(program: &Command, option: &str) -> Option<String> {
    let options = |verb: &Command| -> Vec<String> {
        let shown = verb.get_arguments().filter(|option| !option.is_hide_set());
        shown.filter_map(|option| option.get_long().map(str::to_owned)).collect()
    };
    let all: Vec<String> = visible(program).flat_map(options).collect();
    let meant = nearest(option, all.iter().map(String::as_str))?;
    let verb = visible(program).find(|verb| options(verb).iter().any(|option| option == meant))?;
    Some(format!("{} {} --{meant}", program.get_name(), verb.get_name()))
}

/// A time on the command line.
pub(super) fn time(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "expected a time, such as \"30s\", \"15min\", \"2h\" or \"7d\"")
}

/// The number of a dead letter.
pub(super) fn letter_number(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "expected the number of a dead letter, as `sandmill dead-letters list` shows it")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::legible::is_harmful;

    fn told(arguments: &[&str]) -> String {
        let mut said = Arguments::try_parse_from([&["sandmill"], arguments].concat()).unwrap_err();
        suggest(&mut said);
        make_legible(&mut said);
        said.render().ansi().to_string()
    }

    /// Issue 12: the parser's messages had the arguments as they were given, with whatever steers a terminal.
    #[test]
    fn no_argument_steers_the_terminal() {
        let evil = "x\u{1b}[31mall is well\n\u{7}\u{202e}";
        let cases: [&[&str]; 9] = [
            &[evil],
            &["run", "a", evil],
            &["run", &format!("--{evil}")],
            &["run", &format!("-z{evil}")],
            &["run", "--log", evil],
            &["run", "--grace", evil],
            &["run", "--color", evil],
            &["dead-letters", evil],
            &["dead-letters", "show", evil],
        ];
        for arguments in cases {
            let text = told(arguments);
            let plain = anstream::adapter::strip_str(&text).to_string();
            assert!(!plain.chars().any(|c| is_harmful(c) && c != '\n'), "{arguments:?}: {text:?}");
            assert!(!text.contains("\u{1b}[31mall"), "{arguments:?}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("all is well")), "{arguments:?}: {text:?}");
        }
    }

    #[test]
    fn what_was_probably_meant_is_suggested() {
        let cases: [(&[&str], &str); 6] = [
            (&["rnu"], "a similar subcommand exists: 'run'"),
            (&["chekc"], "'check'"),
            (&["dead-leters"], "'dead-letters'"),
            (&["run", "--jsno"], "a similar argument exists: '--json'"),
            (&["--jsno"], "'sandmill run --json' exists"),
            (&["--fersh"], "'sandmill run --fresh' exists"),
        ];
        for (arguments, expected) in cases {
            let plain = anstream::adapter::strip_str(&told(arguments)).to_string();
            assert!(plain.contains(expected), "{arguments:?}: {plain}");
        }
        let plain = anstream::adapter::strip_str(&told(&["--zzzzzzz"])).to_string();
        assert!(!plain.contains("tip:"), "{plain}");
    }

    #[test]
    fn a_value_that_cannot_be_read_is_told_what_it_may_be() {
        let cases: [(&[&str], &str); 3] = [
            (&["dead-letters", "list", "--since", "yesterday"], "expected a time, such as \"30s\""),
            (&["run", "--grace", "5"], "expected a time"),
            (&["dead-letters", "show", "abc"], "expected the number of a dead letter, as `sandmill dead-letters list`"),
        ];
        for (arguments, expected) in cases {
            let text = told(arguments);
            assert!(text.contains(expected) && !text.contains("tip:"), "{arguments:?}: {text}");
        }
    }
}
