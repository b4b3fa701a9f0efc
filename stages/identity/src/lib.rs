//! Passes every record on as it is. No configuration.
//!
//! What it costs is what a stage costs: benches use it.

fn identity(_: &mut [u8]) {}

sandmill_stage::stage!(identity);

#[cfg(test)]
mod tests {
    use sandmill_stage::trial;

    #[test]
    fn records_come_out_as_they_went_in() {
        let fates = trial!(super::identity).unwrap().process_keyed([("key", "value"), ("", "")]);
        assert_eq!(fates.texts(), ["value", ""]);
        assert_eq!(fates.outputs[0].key, b"key");
    }
}
