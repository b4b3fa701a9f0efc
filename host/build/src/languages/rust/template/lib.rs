//! One record in, one record out: makes every line upper case. Change the function, keep the rest.

fn shout(line: &str) -> String {
    line.to_uppercase()
}

sandmill_stage::stage!(shout);

#[cfg(test)]
mod tests {
    use sandmill_stage::trial;

    #[test]
    fn lines_become_upper_case() {
        assert_eq!(trial!(super::shout).unwrap().process(["hello"]).texts(), ["HELLO"]);
    }
}
