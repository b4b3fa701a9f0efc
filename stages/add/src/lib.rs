//! Adds to whole numbers. Config: `number`, what to add. A sum beyond 64 bits fails.

use sandmill_stage::Json;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    number: i64,
}

fn add(Json(number): Json<i64>, config: &Config) -> Result<Json<i64>, String> {
    let sum = number.checked_add(config.number);
    sum.map(Json).ok_or_else(|| format!("{number} + {} is more than 64 bits hold", config.number))
}

sandmill_stage::stage!(add);

#[cfg(test)]
mod tests {
    use sandmill_stage::trial;

    #[test]
    fn numbers_are_added_and_an_overflow_fails() {
        let fates = trial!(super::add, r#"{"number": -2}"#).unwrap().process(["44", "-9223372036854775808"]);
        assert_eq!(fates.texts(), ["42"]);
        assert_eq!(fates.failure(1), Some("-9223372036854775808 + -2 is more than 64 bits hold"));
    }
}
