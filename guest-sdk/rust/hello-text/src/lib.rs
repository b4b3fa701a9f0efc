//! The stage under test whose records are text: the same in every language.

use serde::Deserialize;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    prefix: String,
}

fn hello(line: &str, config: &Config) -> String {
    format!("{}{line}", config.prefix)
}
sandmill_stage::stage!(hello);
