//! `sandmill check`: checks a pipeline without moving a record.

use tokio::runtime;

use super::components::component_file;
use crate::cli::args::CheckArguments;
use crate::cli::locate::pipeline_file;
use crate::cli::manner::Manner;
use crate::cli::{print, render};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::report::{CheckReport, Problem};
use crate::{check, config};

/// Checks a pipeline, and prints what it found.
///
/// # Errors
/// When its findings cannot be printed; what is wrong with the pipeline is a finding.
pub(super) fn check(arguments: &CheckArguments, manner: Manner) -> Result<Exit> {
    let report = findings(arguments, manner.quiet_if(arguments.json));
    if arguments.json {
        print::json(&report)?;
    } else {
        if !manner.quiet {
            print::result(&render::check(&report, print::stdout_columns()))?;
        }
        let columns = print::stderr_columns();
        print::message(&render::warnings(&report.warnings, columns));
        print::message(&render::problems(&report.problems, columns));
    }
    Ok(exit(&report))
}

fn exit(report: &CheckReport) -> Exit {
    if report.problems.iter().any(|problem| problem.kind == ErrorKind::Internal) {
        return Exit::Bug;
    }
    // Nothing ran, so nothing was aborted: whatever keeps it from running has to be fixed.
    if report.problems.is_empty() { Exit::Ok } else { Exit::Usage }
}

/// A pipeline file that cannot be read is a finding like any other.
fn findings(arguments: &CheckArguments, manner: Manner) -> CheckReport {
    let path = arguments.pipeline.path.as_deref();
    let found = pipeline_file(path).and_then(|file| config::load(&file)).and_then(|plan| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::internal("cannot start a runtime").caused_by(error))?;
        let report = runtime.block_on(check::check(plan, &mut |path| component_file(path, manner)));
        runtime.shutdown_background();
        Ok(report)
    });
    found.unwrap_or_else(|error| CheckReport {
        pipeline: path.map_or_else(|| "pipeline.toml".to_owned(), |path| path.display().to_string()),
        nodes: Vec::new(),
        promises: Vec::new(),
        warnings: Vec::new(),
        problems: vec![Problem::from(&error)],
    })
}
