//! Interfaces, or parts of them, that the SDK does not offer. What a guest's verbs do not use, it does not import.

#![expect(clippy::all, clippy::restriction, reason = "generated")]

wit_bindgen::generate!({
    path: "../../../guest-sdk/wit",
    inline: "package sandmill:reach-raw; world raw {
        import wasi:cli/environment@0.2.12;
        import wasi:cli/exit@0.2.12;
        import wasi:cli/stdout@0.2.12;
        import wasi:filesystem/preopens@0.2.12;
        import wasi:filesystem/types@0.2.12;
        import wasi:sockets/tcp-create-socket@0.2.12;
    }",
    generate_all,
});
