//! Multiplies whole numbers. Config: `by`, the factor. A product beyond 64 bits fails.

use sandmill_stage::Json;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    by: i64,
}

fn multiply(Json(number): Json<i64>, config: &Config) -> Result<Json<i64>, String> {
    let product = number.checked_mul(config.by);
    product.map(Json).ok_or_else(|| format!("{number} × {} is more than 64 bits hold", config.by))
}

sandmill_stage::stage!(multiply);

#[cfg(test)]
mod tests {
    use sandmill_stage::trial;

    #[test]
    fn numbers_are_multiplied_and_an_overflow_fails() {
        let fates = trial!(super::multiply, r#"{"by": 3}"#).unwrap().process(["-14", "9223372036854775807", "x"]);
        assert_eq!(fates.texts(), ["-42"]);
        assert_eq!(fates.failure(1), Some("9223372036854775807 × 3 is more than 64 bits hold"));
        assert_eq!(fates.failure(2), Some("the record is not JSON: expected value at line 1 column 1"));
    }
}
