//! The short run of the fuzzer: all seeds, all findings that were mended, and some thousand mutations of them, the same
//! ones each time. The long run is `make fuzz`.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use fastrand::Rng;
use tests::fuzz::{TARGETS, Target, mutated, seeds};

/// Of the mutations. Arbitrary.
const SEED: u64 = 6;

/// Tries the input; when a promise is broken, says which file shows it.
#[expect(clippy::print_stderr, reason = "shown with the test that fails")]
fn try_input(target: Target, input: &[u8], from: impl FnOnce() -> PathBuf) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) {
        eprintln!("{} fails with {}", target.name, from().display());
        resume_unwind(panic);
    }
}

fn holds(name: &str) {
    let target = *TARGETS.iter().find(|target| target.name == name).expect("a target has this name");
    let seeds = seeds(name).expect("seeds");
    for (path, input) in &seeds {
        try_input(target, input, || path.clone());
    }
    let inputs: Vec<&[u8]> = seeds.iter().map(|(_, input)| input.as_slice()).collect();
    let mut rng = Rng::with_seed(SEED);
    for number in 0..target.mutations {
        let input = mutated(&inputs, &mut rng);
        try_input(target, &input, || {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{number}"));
            std::fs::write(&path, &input).expect("a disk that is not full");
            path
        });
    }
}

#[test]
fn any_pipeline_file_is_a_plan_within_bounds_or_an_error_with_its_place() {
    holds("pipeline_file");
}

#[test]
fn any_outcome_is_refused_or_accounted_for_as_it_says() {
    holds("outcome");
}

#[test]
fn any_chunk_is_refused_or_keeps_its_records() {
    holds("chunk");
}

#[test]
fn any_csv_gives_the_same_rows_wherever_it_is_cut() {
    holds("csv");
}

#[test]
fn any_json_is_taken_if_and_only_if_it_is_json() {
    holds("json");
}

#[test]
fn any_text_is_bounded_and_cannot_steer_a_terminal() {
    holds("text");
}

#[test]
fn any_component_file_is_refused_or_inspected() {
    holds("wasm");
}

#[test]
fn any_answer_in_a_guests_memory_is_survived() {
    holds("answer");
}

#[test]
fn any_guest_lets_the_run_end_and_the_account_balance() {
    holds("component");
}

#[test]
fn every_target_has_a_short_run() {
    let text = include_str!("fuzzing.rs");
    let forgotten: Vec<&str> =
        TARGETS.iter().map(|target| target.name).filter(|name| !text.contains(&format!("holds(\"{name}\")"))).collect();
    assert_eq!(forgotten, [""; 0]);
}
