//! Makes the ASCII letters of every record upper case. No configuration.
//!
//! The trivial stage that does some work: benches use it.

fn upper(value: &mut [u8]) {
    value.make_ascii_uppercase();
}

sandmill_stage::stage!(upper);

#[cfg(test)]
mod tests {
    use sandmill_stage::trial;

    #[test]
    fn ascii_letters_become_upper_case_and_other_bytes_stay() {
        let fates = trial!(super::upper).unwrap().process_keyed([("key", "Straße 7")]);
        assert_eq!(fates.texts(), ["STRAßE 7"]);
        assert_eq!(fates.outputs[0].key, b"key");
    }
}
