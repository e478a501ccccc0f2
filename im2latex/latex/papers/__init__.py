r"""From the sources of papers to raw formulas: definitions read, macros expanded, formulas found.

| step | module | what it does |
|:--|:--|:--|
| files | `archive` | .tex files, folders and arXiv archives to papers |
| | `input_files` | the main file of a paper, and the files that `\input` names |
| | `verbatim` | removes comments and verbatim text |
| text | `lexer` | source text to tokens, groups and arguments |
| | `paper_reader` | one paper: its files in order, its formulas out |
| | `file_reader` | one file, command by command |
| | `text_expansion` | expands macros and conditionals in the text, outside of formulas |
| | `tex_conditionals` | conditionals of TeX: `\ifx ... \else ... \fi` |
| | `package_conditionals` | conditionals of packages, which select an argument: `\IfNoValueTF`, `\ifthenelse` |
| macros | `macro_table` | the definitions in force at one position, by name |
| | `macro_definitions` | parses `\newcommand`, `\def` and the others, and adds them to the table |
| | `macro_parameters` | the parameter list of a definition: `[2][default]`, `#1;`, `{m o}` |
| | `macro_arguments` | the arguments of a call, read by the parameters of its definition |
| | `macro_expander` | replaces the calls in a formula |
| formulas | `display_scanner` | finds the end of a display |
| | `display_conversion` | a display to one formula: `align` to `aligned` |
| | `formula_collector` | expands, converts and counts the formulas of a paper |
| | `extract` | many papers to a file of formulas |
"""
