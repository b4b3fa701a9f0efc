//! Repeats the author's mistakes in one error, for those who have not seen the compiler's output.

use std::path::Path;

use sandmill_engine::error::Error;

/// Mistakes that are named in the error. The compiler has said them all.
const NAMED_MAX: usize = 5;

/// A stage that does not compile.
pub(super) fn does_not_compile(folder: &Path, mut mistakes: Vec<String>) -> Error {
    let error = Error::config(format!("stage \"{}\" does not compile", folder.display()));
    // A linker complains for each file that refers to what it misses.
    mistakes.dedup();
    if mistakes.is_empty() {
        return error;
    }
    let more = mistakes.len().saturating_sub(NAMED_MAX);
    mistakes.truncate(NAMED_MAX);
    if more > 0 {
        mistakes.push(format!("and {more} more"));
    }
    error.caused_by(mistakes.join("\n"))
}

/// The lines of a compiler that begins each mistake with its place: `stage.c:4:5: error: …`. Without any, the last
/// lines that it said.
pub(super) fn with_places(said: &[String]) -> Vec<String> {
    let found: Vec<String> = said
        .iter()
        .filter(|line| line.contains(" error: ") || line.starts_with("error"))
        .map(|line| explained(line))
        .collect();
    if found.is_empty() { last(said) } else { found }
}

/// Compiler messages about mistakes that have to do with stages, with an explanation. Where the compiler's own message
/// names only what the SDK is made of, they are left out.
const EXPLAINED: [(&str, bool, &str); 2] = [
    (
        "undefined symbol: sandmill_stage",
        false,
        "there is no stage: write `SM_STAGE(function)`, in C++ `SANDMILL_STAGE(function)`, below the function",
    ),
    (
        "with exceptions disabled",
        true,
        "to fail a record, write `return sandmill::fail(\"why\");` in a function that returns a `sandmill::result<T>`",
    ),
];

fn explained(line: &str) -> String {
    match EXPLAINED.iter().find(|(said, ..)| line.contains(said)) {
        Some((_, true, why)) => format!("{line}: {why}"),
        Some((_, false, why)) => format!("error: {why}"),
        None => line.to_owned(),
    }
}

/// The last lines, where a tool explains itself at the end.
pub(super) fn last(said: &[String]) -> Vec<String> {
    let lines: Vec<&String> = said.iter().filter(|line| !line.trim().is_empty()).collect();
    lines.iter().skip(lines.len().saturating_sub(NAMED_MAX)).map(|line| (*line).clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_mistakes_are_named_and_the_rest_counted() {
        let many: Vec<String> = (0..9).map(|i| format!("error: number {i}")).collect();
        let error = does_not_compile(Path::new("shout"), many);
        assert!(error.causes()[0].ends_with("error: number 4\nand 4 more"), "{:?}", error.causes());
    }

    #[test]
    fn a_mistake_that_is_said_twice_is_named_once() {
        let error = does_not_compile(Path::new("shout"), vec!["a:1: error: no".to_owned(); 7]);
        assert_eq!(error.causes(), ["a:1: error: no"]);
    }

    #[test]
    fn a_mistake_that_has_to_do_with_stages_is_explained() {
        let said = ["wasm-ld: error: /tmp/1.o: undefined symbol: sandmill_stage".to_owned()];
        assert!(with_places(&said)[0].starts_with("error: there is no stage: write `SM_STAGE(function)`"));
        let said = ["stage.cpp:3:51: error: cannot use 'throw' with exceptions disabled".to_owned()];
        let [mistake] = &*with_places(&said) else { panic!("one mistake") };
        assert!(mistake.starts_with("stage.cpp:3:51: error: cannot use 'throw'") && mistake.contains("sandmill::fail"));
    }

    #[test]
    fn places_come_before_what_a_compiler_says_around_them() {
        let said: Vec<String> =
            ["stage.c:4:5: error: use of undeclared identifier 'x'", "    4 | x", "1 error generated."]
                .map(str::to_owned)
                .to_vec();
        assert_eq!(with_places(&said), said[..1]);
        assert_eq!(with_places(&said[2..]), said[2..], "without any, what it said");
    }
}
