//! `sandmill dead-letters`: lists, shows, exports, replays and deletes the records that failed.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Done, run};
use crate::cli::args::{ChoiceArguments, DeadLettersArguments, DeadLettersVerb, PipelineArgument, ShownArguments};
use crate::cli::locate::pipeline_file;
use crate::cli::manner::Manner;
use crate::cli::{print, render};
use crate::config;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::plan::Plan;
use crate::program::FailureKind;
use crate::replay::Replay;
use crate::state::{Choice, StateFile};
use crate::suggest;

/// Does what the arguments say.
///
/// # Errors
/// When the pipeline file or its state file cannot be read, or there is no such dead letter.
pub(super) fn dead_letters(arguments: &DeadLettersArguments, manner: Manner) -> Result<Done> {
    match &arguments.verb {
        DeadLettersVerb::List { pipeline, choice, json } => {
            let (state, choice) = chosen(pipeline, choice)?;
            list(&state, &choice, *json)
        }
        DeadLettersVerb::Show { id, pipeline, json } => show(&state(pipeline)?, *id, *json),
        DeadLettersVerb::Export { pipeline, choice } => {
            let (state, choice) = chosen(pipeline, choice)?;
            export(&state, &choice)
        }
        DeadLettersVerb::Replay { pipeline, choice, shown } => {
            let (_, choice) = chosen(pipeline, choice)?;
            return replay(pipeline, &choice, shown, manner);
        }
        DeadLettersVerb::Drop { pipeline, choice, all } => {
            let (state, choice) = chosen(pipeline, choice)?;
            discard(&state, &choice, *all)
        }
    }
    .map(|()| Exit::Ok.into())
}

fn state(pipeline: &PipelineArgument) -> Result<StateFile> {
    let plan = config::load(&pipeline_file(pipeline.path.as_deref())?)?;
    Ok(StateFile::at(&plan.state.path))
}

/// The state file, and the chosen dead letters.
fn chosen(pipeline: &PipelineArgument, arguments: &ChoiceArguments) -> Result<(StateFile, Choice)> {
    let plan = config::load(&pipeline_file(pipeline.path.as_deref())?)?;
    let state = StateFile::at(&plan.state.path);
    let choice = choose(arguments);
    refuse_unknown(&plan, &state, &choice)?;
    Ok((state, choice))
}

/// Refuses a node or a kind that neither is, nor was when a letter was written, and an id that no letter has: nothing would be
/// found, and all seem well.
fn refuse_unknown(plan: &Plan, state: &StateFile, choice: &Choice) -> Result<()> {
    if choice.node.is_none() && choice.kind.is_none() && choice.ids.is_empty() {
        return Ok(());
    }
    let mut ids = choice.ids.clone();
    let sources = plan.sources.iter().map(|source| &source.name);
    let nodes =
        sources.chain(plan.stages.iter().map(|stage| &stage.name)).chain(plan.sinks.iter().map(|sink| &sink.name));
    let mut nodes: Vec<String> = nodes.map(ToString::to_string).collect();
    let mut kinds: Vec<String> = FailureKind::ALL.iter().map(ToString::to_string).collect();
    state.letters(|letter| {
        ids.retain(|id| *id != letter.id);
        for (known, word) in [(&mut nodes, letter.node), (&mut kinds, letter.kind)] {
            if !known.contains(&word) {
                known.push(word);
            }
        }
        Ok(())
    })?;
    for (what, word, known) in [("node", &choice.node, &nodes), ("kind", &choice.kind, &kinds)] {
        if let Some(word) = word.as_ref().filter(|word| !known.contains(word)) {
            let error = Error::config(format!("no {what} of this pipeline is called {word:?}"));
            let near = suggest::hint(word, known.iter().map(String::as_str));
            return Err(error.hint(near.unwrap_or_else(|| format!("known: {}", known.join(", ")))));
        }
    }
    ids.first().map_or(Ok(()), |id| Err(no_letter(*id, state)))
}

fn no_letter(id: i64, state: &StateFile) -> Error {
    Error::config(format!("there is no dead letter {id} in \"{}\"", state.path().display()))
        .hint("`sandmill dead-letters list` shows all of them")
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
    let columns = print::stdout_columns();
    state.letters(|letter| {
        if !choice.takes(&letter) {
            return Ok(());
        }
        count += 1;
        print::result(&render::letter_line(&letter, columns))
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
    let letter = found.ok_or_else(|| no_letter(id, state))?;
    if json { print::json(&letter) } else { print::shown(&render::letter(&letter)) }
}

fn export(state: &StateFile, choice: &Choice) -> Result<()> {
    state.letters(|letter| if choice.takes(&letter) { print::json(&letter) } else { Ok(()) })
}

fn replay(pipeline: &PipelineArgument, choice: &Choice, shown: &ShownArguments, manner: Manner) -> Result<Done> {
    let mut plan = config::load(&pipeline_file(pipeline.path.as_deref())?)?;
    let replay = Replay::of(&mut plan, choice)?;
    let ended = run::follow(plan, shown, manner, |report| {
        let gone = replay.settle(report)?;
        if !(manner.quiet || shown.json) {
            print::message(&render::letters_replayed(gone, replay.left));
        }
        Ok(())
    })?;
    Ok(Done::from(ended))
}

fn discard(state: &StateFile, choice: &Choice, all: bool) -> Result<()> {
    if choice.is_all() && !all {
        return Err(Error::config("no dead letters are chosen")
            .hint("--id, --node, --kind and --since choose some; --all chooses all of them"));
    }
    let dropped = state.discard(choice)?;
    print::message(&render::letters_dropped(dropped));
    Ok(())
}
