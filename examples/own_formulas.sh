#!/usr/bin/env bash
# Formulas, images and a vocabulary of your own, from a table to a model. Arguments go to DVC.
set -eu
cd "$(dirname "$0")/.."
make setup
export PATH="$PWD/.venv/bin:$PATH"

# A dataset is a folder under data/raw: here a table with the columns id, formula, image and split.
mkdir -p data/raw/mine
cp examples/own_formulas/formulas.csv data/raw/mine/

# The images that the table names. You have yours already; these are drawn, so that there are some.
im2latex render examples/own_formulas/formulas.csv -o data/raw/mine/images

# The tokens that the model may write: those of the training rows, and one that formulas to come will need.
im2latex vocab build data/raw/mine/formulas.csv -o data/raw/mine/vocabulary.json --min-frequency 1 --include '\hslash'
im2latex vocab stats data/raw/mine/vocabulary.json data/raw/mine/formulas.csv

# So few formulas are learned by heart at best. With thousands of them, leave the last two options out.
dvc exp run -S dataset=mine -S tokenize.vocabulary.init_from=data/raw/mine/vocabulary.json \
    -S train.budget.samples=4000 -S train.validate_every_samples=1000 "$@"
im2latex vocab diff data/raw/mine/vocabulary.json data/tokenize/vocabulary.json
