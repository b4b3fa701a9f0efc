//! `sandmill dead-letters`: the records that failed, looked at, taken out, and thrown away.

use std::time::{SystemTime, UNIX_EPOCH};

use super::run;
use crate::cli::args::{ChoiceArguments, DeadLettersArguments, DeadLettersVerb, PipelineArgument, ShownArguments};
use crate::cli::locate::pipeline_file;
use crate::cli::{print, render};
use crate::config;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::replay::Replay;
use crate::state::{Choice, StateFile};

/// Does what the arguments say.
///
/// # Errors
/// When the pipeline file or its state file cannot be read, or there is no such letter.
pub(super) fn dead_letters(arguments: &DeadLettersArguments, quiet: bool) -> Result<Exit> {
    match &arguments.verb {
        DeadLettersVerb::List { pipeline, choice, json } => list(&state(pipeline)?, &choose(choice), *json),
        DeadLettersVerb::Show { id, pipeline, json } => show(&state(pipeline)?, *id, *json),
        DeadLettersVerb::Export { pipeline, choice } => export(&state(pipeline)?, &choose(choice)),
        DeadLettersVerb::Replay { pipeline, choice, shown } => {
            return replay(pipeline, &choose(choice), shown, quiet);
        }
        DeadLettersVerb::Drop { pipeline, choice, all } => discard(&state(pipeline)?, &choose(choice), *all),
    }
    .map(|()| Exit::Ok)
}

fn state(pipeline: &PipelineArgument) -> Result<StateFile> {
    let plan = config::load(&pipeline_file(pipeline.path.as_deref())?)?;
    Ok(StateFile::at(&plan.state.path))
}

fn choose(arguments: &ChoiceArguments) -> Choice {
    let ChoiceArguments { ids, node, kind, since } = arguments;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    Choice {
        ids: ids.clone(),
        node: node.clone(),
        kind: kind.clone(),
        since: since.map(|since| now - since.as_secs_f64()),
        ..Choice::default()
    }
}

fn list(state: &StateFile, choice: &Choice, json: bool) -> Result<()> {
    if json {
        return export(state, choice);
    }
    let mut count = 0;
    state.letters(|letter| {
        if !choice.takes(&letter) {
            return Ok(());
        }
        count += 1;
        print::result(&render::letter_line(&letter))
    })?;
    print::message(&render::letters_in_all(count, state.path()));
    Ok(())
}

fn show(state: &StateFile, id: i64, json: bool) -> Result<()> {
    let mut found = None;
    state.letters(|letter| {
        if letter.id == id {
            found = Some(letter);
        }
        Ok(())
    })?;
    let letter = found.ok_or_else(|| {
        Error::config(format!("there is no dead letter {id} in \"{}\"", state.path().display()))
            .hint("`sandmill dead-letters list` shows those that there are")
    })?;
    if json { print::json(&letter) } else { print::result(&render::letter(&letter)) }
}

fn export(state: &StateFile, choice: &Choice) -> Result<()> {
    state.letters(|letter| if choice.takes(&letter) { print::json(&letter) } else { Ok(()) })
}

fn replay(pipeline: &PipelineArgument, choice: &Choice, shown: &ShownArguments, quiet: bool) -> Result<Exit> {
    let mut plan = config::load(&pipeline_file(pipeline.path.as_deref())?)?;
    let replay = Replay::of(&mut plan, choice)?;
    let report = run::follow(plan, shown, quiet, |report| {
        let gone = replay.settle(report)?;
        if !(quiet || shown.json) {
            print::message(&render::letters_replayed(gone, replay.left));
        }
        Ok(())
    })?;
    Ok(Exit::from(&report))
}

fn discard(state: &StateFile, choice: &Choice, all: bool) -> Result<()> {
    if choice.is_all() && !all {
        return Err(Error::config("nothing says which dead letters are to be thrown away")
            .hint("--id, --node, --kind and --since choose some; --all takes all of them"));
    }
    let dropped = state.discard(choice)?;
    print::message(&render::letters_dropped(dropped));
    Ok(())
}
