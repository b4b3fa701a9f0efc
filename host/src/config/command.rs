//! Reads `command`: how to run a program that reads lines and writes lines.

use super::keys;
use crate::plan::{CommandPlan, Each, Framing, Reuse};
use crate::settings::Fault;
use crate::settings::Table;

/// `command` of a stage whose instances live that long.
pub(super) fn command(section: &Table<'_>, reuse: Reuse) -> Result<Option<CommandPlan>, Fault> {
    let Some(command) = section.part("command", keys::COMMAND)? else { return Ok(None) };
    let framings = [("lines", Framing::Lines), ("jsonl", Framing::Jsonl), ("nul", Framing::Nul)];
    let each = [("record", Each::Record), ("batch", Each::Batch)];
    let each = command.or("each", Each::default(), |value| value.choice(&each))?;
    refuse_reuse(section, &command, reuse, each)?;
    Ok(Some(CommandPlan {
        args: args(&command)?,
        framing: command.or("framing", Framing::default(), |value| value.choice(&framings))?,
        each,
    }))
}

fn args(command: &Table<'_>) -> Result<Vec<String>, Fault> {
    let Some(value) = command.get("args") else { return Ok(Vec::new()) };
    let args = value.text_array()?;
    if let Some(arg) = args.iter().find(|arg| arg.name().is_ok_and(|text| text.contains('\0'))) {
        return Err(arg.fault("an argument cannot contain a NUL character"));
    }
    args.iter().map(|arg| arg.name().map(str::to_owned)).collect()
}

/// A command ends with its input, so nothing of it lives longer; and one record is not a batch.
fn refuse_reuse(section: &Table<'_>, command: &Table<'_>, reuse: Reuse, each: Each) -> Result<(), Fault> {
    let Some(written) = section.get("reuse") else { return Ok(()) };
    let fault = match (reuse, each) {
        (Reuse::Worker, _) => written.fault("a command ends with its input, so no instance of it lives longer"),
        (Reuse::Record, Each::Batch) if command.get("each").is_some() => {
            written.fault("contradicts each = \"batch\" of the command")
        }
        (Reuse::Batch, Each::Record) => written.fault("contradicts each = \"record\" of the command"),
        (Reuse::Record | Reuse::Batch, Each::Record | Each::Batch) => return Ok(()),
    };
    Err(fault.hint("leave out \"reuse\": each = \"record\" or \"batch\" of the command says how much one run is given"))
}
