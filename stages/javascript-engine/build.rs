//! A deeper stack than other stages have: this one reads values in values in values, and runs what others wrote.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("TARGET").is_ok_and(|target| target.starts_with("wasm32")) {
        println!("cargo::rustc-link-arg=-zstack-size=1048576");
    }
}
