//! The command line's arguments and help texts.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::documents::{CompletionsArguments, ManArguments};
use super::progress::Progress;
use super::usage;
use crate::exit::Exit;
use crate::plan::Start;
use crate::report::LogLevel;

/// Runs every stage of a data pipeline as a pool of isolated WebAssembly instances.
#[derive(Debug, Parser)]
#[command(
    name = "sandmill",
    version = super::documents::VERSION,
    arg_required_else_help = true,
    propagate_version = true,
    after_help = format!(
        "Example:\n  sandmill run examples/access-log\n\n{}\n\
         Results and --json go to standard output; everything else goes to standard error.",
        Exit::table()
    ),
)]
pub(crate) struct Arguments {
    /// When to use colours.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t)]
    pub(crate) color: Color,

    /// Print only errors, and what needs attention.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Fetch nothing: if a stage needs a toolchain that is not installed, that is an error.
    #[arg(long, global = true)]
    pub(crate) offline: bool,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Run(RunArguments),
    Check(CheckArguments),
    Build(BuildArguments),
    New(NewArguments),
    Inspect(InspectArguments),
    DeadLetters(DeadLettersArguments),
    Toolchain(ToolchainArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
}

/// Run a pipeline to its end.
///
/// Builds the stages that are stale, then runs. The first Ctrl-C stops reading and finishes what is in flight; the
/// second stops at once. If the last run was interrupted, by Ctrl-C or by anything else, it is resumed.
#[derive(Debug, Args)]
#[command(after_help = format!(
    "Examples:\n  \
       sandmill run                          # ./pipeline.toml\n  \
       sandmill run examples/access-log      # the pipeline.toml of that folder\n  \
       sandmill run nightly.toml --quiet --report last-night.json\n\n{}",
    Exit::table()
))]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgument,

    #[command(flatten)]
    pub(crate) shown: ShownArguments,

    /// Start over, even if an interrupted run could be resumed.
    #[arg(long, conflicts_with = "resume")]
    pub(crate) fresh: bool,

    /// Resume an interrupted run even if stages have changed since. Not needed if nothing has changed.
    #[arg(long)]
    pub(crate) resume: bool,
}

/// How a run is shown, and how it is stopped.
#[derive(Debug, Args)]
pub(crate) struct ShownArguments {
    /// Print the closing report as one line of JSON on standard output, instead of a table on standard error.
    #[arg(long)]
    pub(crate) json: bool,

    /// Also write the closing report to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,

    /// How to show progress, on standard error.
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub(crate) progress: Progress,

    /// Same as `--progress none`.
    #[arg(long, conflicts_with = "progress", hide = true)]
    pub(crate) no_progress: bool,

    /// Show what stages log, from this level up.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t)]
    pub(crate) log: LogFilter,

    /// How long the first Ctrl-C (or SIGTERM) waits for what is in flight before everything stops.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = usage::time)]
    pub(crate) grace: Duration,
}

impl RunArguments {
    /// What to do about an interrupted run.
    pub(crate) fn start(&self) -> Start {
        match (self.fresh, self.resume) {
            (true, _) => Start::Fresh,
            (false, true) => Start::ResumeChanged,
            (false, false) => Start::Resume,
        }
    }
}

/// Check a pipeline without running it.
///
/// Builds the stages that are stale, looks at what each component imports and exports, opens one instance of each stage
/// with its configuration, and opens sources and sinks. No record moves, and no output is touched.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sandmill check\n  sandmill check examples/access-log --json\n\n\
                        Exits with 0 when the pipeline can run, with 2 when it cannot.")]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) pipeline: PipelineArgument,

    /// Print the findings as one line of JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Build stages: compile their folders to WebAssembly components.
///
/// Only what is stale is compiled. `run` and `check` do the same for the stages of their pipeline.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sandmill build stages/parse-access-log stages/mask\n\n\
                        Exits with 0 when all are built, with 2 when one does not build.")]
pub(crate) struct BuildArguments {
    /// Stage folders. Default: the working folder.
    #[arg(value_name = "FOLDER", default_value = ".", hide_default_value = true)]
    pub(crate) folders: Vec<PathBuf>,

    /// Build without optimisation: this is faster, and panics have better traces, but the stages run slower.
    #[arg(long)]
    pub(crate) debug: bool,

    /// Print one line of JSON per folder on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Create a stage with a test, or a pipeline with a script.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sandmill new shout\n  sandmill new shout --lang python\n  sandmill build shout\n  \
                        sandmill new pick --script jq && sandmill run pick"
)]
pub(crate) struct NewArguments {
    /// The name of the stage, and of its folder: lowercase letters, digits, `-` and `_`.
    pub(crate) name: String,

    /// The language to write it in.
    #[arg(long, value_name = "LANGUAGE", default_value = "rust", value_parser = clap::builder::PossibleValuesParser::new(crate::build::language_names()))]
    pub(crate) lang: String,

    /// Create a pipeline with a script in this language instead: nothing has to be compiled.
    #[arg(long, value_name = "LANGUAGE", conflicts_with = "lang", value_parser = clap::builder::PossibleValuesParser::new(crate::build::script_names()))]
    pub(crate) script: Option<String>,

    /// The folder to create it in.
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub(crate) path: PathBuf,
}

/// Show what a component contains, or what the stages of a pipeline may reach.
///
/// For a component it shows the imports, the exports, the size and the hash. For a pipeline it shows each import of
/// each stage with the grant that provides it, and each grant with what it reaches: folders, names of variables,
/// origins, but never a value. Stages that are stale are built; nothing else is opened.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sandmill inspect stages/mask\n  sandmill inspect mask.wasm --json\n  \
                        sandmill inspect pipeline.toml\n\n\
                        Exits with 0 when a pipeline can run it, with 2 when it cannot.")]
pub(crate) struct InspectArguments {
    /// A `.wasm` file, a stage folder that has been built, a pipeline file, or the folder of one.
    #[arg(value_name = "COMPONENT_OR_PIPELINE")]
    pub(crate) path: PathBuf,

    /// Print the findings as one line of JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}

/// List, fetch or remove the compilers of the languages that stages are written in.
///
/// `build`, `run` and `check` fetch what they need, after asking on a terminal; with `--offline` they never fetch
/// anything.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sandmill toolchain list\n  sandmill toolchain install python go\n  \
                        sandmill toolchain remove --all\n\n\
                        Compilers are fetched into the user's cache ($SANDMILL_CACHE, else ~/.cache/sandmill).")]
pub(crate) struct ToolchainArguments {
    #[command(subcommand)]
    pub(crate) verb: ToolchainVerb,
}

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum ToolchainVerb {
    /// Show the compiler of each language: its version, and where it is.
    List {
        /// Print one line of JSON per language.
        #[arg(long)]
        json: bool,
    },
    /// Fetch the compilers that are not on this machine.
    Install {
        /// Languages, as `sandmill toolchain list` names them.
        #[arg(value_name = "LANGUAGE", required_unless_present = "all")]
        languages: Vec<String>,
        /// The compilers of all languages.
        #[arg(long, conflicts_with = "languages")]
        all: bool,
    },
    /// Remove what was fetched from the cache.
    Remove {
        /// Languages, as `sandmill toolchain list` names them.
        #[arg(value_name = "LANGUAGE", required_unless_present = "all")]
        languages: Vec<String>,
        /// The compilers of all languages.
        #[arg(long, conflicts_with = "languages")]
        all: bool,
    },
}

/// List the records that failed, replay them, or delete them.
///
/// `run` keeps them in the state file of the pipeline.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sandmill dead-letters list --node parse --since 1h\n  \
                        sandmill dead-letters show 17\n  sandmill dead-letters export > failed.jsonl\n  \
                        sandmill dead-letters replay --node parse\n  \
                        sandmill dead-letters drop --kind bad-input")]
pub(crate) struct DeadLettersArguments {
    #[command(subcommand)]
    pub(crate) verb: DeadLettersVerb,
}

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersVerb {
    /// List dead letters, one per line.
    List {
        #[command(flatten)]
        pipeline: PipelineArgument,
        #[command(flatten)]
        choice: ChoiceArguments,
        /// Print each dead letter in full, as one line of JSON on standard output.
        #[arg(long)]
        json: bool,
    },
    /// Show one dead letter in full.
    Show {
        /// Its number, as `list` shows it.
        #[arg(value_name = "ID", value_parser = usage::letter_number)]
        id: i64,
        #[command(flatten)]
        pipeline: PipelineArgument,
        /// Print it as one line of JSON on standard output.
        #[arg(long)]
        json: bool,
    },
    /// Write dead letters to standard output, one line of JSON each.
    Export {
        #[command(flatten)]
        pipeline: PipelineArgument,
        #[command(flatten)]
        choice: ChoiceArguments,
    },
    /// Send dead letters back into the stage where they failed, and through the rest of the pipeline to its sinks.
    ///
    /// A dead letter is deleted once it is delivered or dropped by a stage. If it fails again, it becomes a new dead
    /// letter. Sinks append to what is there. Records that a source could not read, or from which a secret was removed,
    /// are not replayed.
    Replay {
        #[command(flatten)]
        pipeline: PipelineArgument,
        #[command(flatten)]
        choice: ChoiceArguments,
        #[command(flatten)]
        shown: ShownArguments,
    },
    /// Delete dead letters.
    Drop {
        #[command(flatten)]
        pipeline: PipelineArgument,
        #[command(flatten)]
        choice: ChoiceArguments,
        /// Delete all dead letters of the pipeline.
        #[arg(long, conflicts_with_all = ["ids", "node", "kind", "since"])]
        all: bool,
    },
}

/// Which dead letters.
#[derive(Debug, Args)]
pub(crate) struct ChoiceArguments {
    /// Only dead letters with these numbers.
    #[arg(long = "id", value_name = "ID", value_delimiter = ',', value_parser = usage::letter_number)]
    pub(crate) ids: Vec<i64>,

    /// Only dead letters of this source, stage or sink.
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,

    /// Only dead letters of this kind: trap, cpu-limit, returned, bad-input …
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,

    /// Only dead letters of the last hour, day and so on: 1h, 1d.
    #[arg(long, value_name = "TIME", value_parser = usage::time)]
    pub(crate) since: Option<Duration>,
}

/// Which pipeline.
#[derive(Debug, Args)]
pub(crate) struct PipelineArgument {
    /// A pipeline file, or a folder that holds a `pipeline.toml` [default: ./pipeline.toml]
    #[arg(value_name = "PIPELINE")]
    pub(crate) path: Option<PathBuf>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which lines of a stage's log are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFilter {
    /// All.
    Debug,
    /// All but `debug`.
    #[default]
    Info,
    /// Warnings and errors.
    Warn,
    /// Errors.
    Error,
    /// None.
    Off,
}

impl LogFilter {
    /// Whether a line of that level is shown.
    pub(crate) fn shows(self, level: LogLevel) -> bool {
        match self {
            Self::Debug => true,
            Self::Info => level >= LogLevel::Info,
            Self::Warn => level >= LogLevel::Warn,
            Self::Error => level >= LogLevel::Error,
            Self::Off => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_options_may_stand_behind_the_verb() {
        let arguments = Arguments::try_parse_from(["sandmill", "run", "-q", "--color", "never", "p.toml"]).unwrap();
        assert!(arguments.quiet);
        assert_eq!(arguments.color, Color::Never);
        let Verb::Run(run) = arguments.verb else { panic!("{:?}", arguments.verb) };
        assert_eq!(run.pipeline.path, Some(PathBuf::from("p.toml")));
    }

    #[test]
    fn every_help_shows_an_example() {
        for verb in Arguments::command().get_subcommands_mut() {
            let help = verb.render_long_help().to_string();
            assert!(help.contains("Example"), "{help}");
        }
    }

    #[test]
    fn a_mistyped_verb_is_a_usage_error_with_a_suggestion() {
        let error = Arguments::try_parse_from(["sandmill", "inspct"]).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()));
        assert!(error.to_string().contains("'inspect'"), "{error}");
    }

    #[test]
    fn log_lines_are_filtered_by_level() {
        assert!(LogFilter::Debug.shows(LogLevel::Debug));
        assert!(!LogFilter::default().shows(LogLevel::Debug));
        assert!(LogFilter::default().shows(LogLevel::Info));
        assert!(!LogFilter::Error.shows(LogLevel::Warn));
        assert!(!LogFilter::Off.shows(LogLevel::Error));
    }
}
