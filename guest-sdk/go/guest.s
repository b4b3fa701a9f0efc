// Without a file in assembly the compiler refuses functions without a body, like the one that stands for main.
