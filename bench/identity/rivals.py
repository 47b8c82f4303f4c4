"""Other tools on a table of plain columns: precision, recall and F1 at their own threshold, and at the best one.

python rivals.py splink|recordlinkage FILE

The columns are those of `table.py`. Every pair of records counts, so true pairs that the tool's own
blocking does not bring together are missed, as they are where Plexus is measured.
"""

import json
import sys
import time

import pandas as pd


def splink(people: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Splink with comparisons of its library and term frequencies, trained without labels."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    def told(column: str) -> bool:
        return people[column].notna().mean() > 0.02

    comparisons = [
        cl.NameComparison("given"),
        cl.NameComparison("surname").configure(term_frequency_adjustments=True),
        cl.LevenshteinAtThresholds("dob", [1, 2]),
        cl.JaroWinklerAtThresholds("street", [0.9, 0.8]),
        *([cl.ExactMatch("street_no")] if told("street_no") else []),
        *([cl.JaroWinklerAtThresholds("city", [0.9])] if told("city") else []),
        *([cl.LevenshteinAtThresholds("zip", [1])] if told("zip") else []),
        *([cl.ExactMatch(name) for name in ("sex", "middle") if told(name)]),
        *([cl.LevenshteinAtThresholds(name, [1, 2]) for name in ("ssn", "phone") if told(name)]),
        *([cl.LevenshteinAtThresholds("email", [2])] if told("email") else []),
    ]
    rules = [
        ("given", "dob"), ("surname", "dob"), ("given", "surname"), ("dob", "zip"), ("dob", "city"), ("street", "street_no", "given"),
        ("street", "street_no", "surname"), ("phone",), ("ssn",), ("surname", "zip"),
    ]  # fmt: skip
    usable = [block_on(*rule) for rule in rules if all(told(column) for column in rule)]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=usable,
        unique_id_column_name="unique_id",
    )
    linker = Linker(people, settings, DuckDBAPI(), set_up_basic_logging=False)
    training = linker.training
    sure = [block_on("given", "surname", "dob")] + ([block_on("ssn", "dob")] if told("ssn") else [])
    training.estimate_probability_two_random_records_match(sure, recall=0.7)
    training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    training.estimate_parameters_using_expectation_maximisation(block_on("dob"))
    training.estimate_parameters_using_expectation_maximisation(block_on("given", "surname"))
    found = linker.inference.predict(threshold_match_probability=0.001).as_pandas_dataframe()
    return found.rename(
        columns={"unique_id_l": "one", "unique_id_r": "other", "match_probability": "score"}
    ), 0.5


def recordlinkage(people: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """ECM of recordlinkage: Fellegi and Sunter without labels, on agreement and disagreement."""
    import recordlinkage as rl

    people = people.set_index("unique_id")
    index = rl.Index()
    for rule in (["given", "dob"], ["surname", "dob"], ["given", "surname"], ["dob", "zip"], ["street", "given"], ["street", "surname"], ["ssn"], ["phone"]):  # fmt: skip
        if all(people[column].notna().mean() > 0.02 for column in rule):
            index.block(rule)
    pairs = index.index(people)
    compare = rl.Compare()
    for name in ("given", "surname", "street", "city"):
        compare.string(
            name, name, method="jarowinkler", threshold=0.85, missing_value=0, label=name
        )
    for name in ("dob", "ssn", "phone", "zip"):
        compare.string(
            name, name, method="damerau_levenshtein", threshold=0.85, missing_value=0, label=name
        )
    for name in ("sex", "street_no"):
        compare.exact(name, name, missing_value=0, label=name)
    features = compare.compute(pairs, people)
    features = features.loc[:, features.sum() > 0]
    model = rl.ECMClassifier(binarize=None)
    model.fit(features)
    scores = model.prob(features)
    found = pd.DataFrame({"score": scores.to_numpy()})
    found["one"] = [one for one, _ in pairs]
    found["other"] = [other for _, other in pairs]
    return found, 0.5


def figures(
    found: pd.DataFrame, people: pd.DataFrame, threshold: float
) -> dict[str, dict[str, float]]:
    """At the tool's threshold, and at the best one."""
    whose = people.set_index("unique_id")["entity"]
    sizes = whose.value_counts()
    true = int((sizes * (sizes - 1) // 2).sum())
    ranked = found.sort_values("score", ascending=False)
    is_same = whose.loc[ranked["one"]].to_numpy() == whose.loc[ranked["other"]].to_numpy()
    right, taken = is_same.cumsum(), pd.Series(range(1, len(ranked) + 1)).to_numpy()
    f1 = 2 * right / (taken + true)
    scores = ranked["score"].to_numpy()
    last = int((scores >= threshold).sum()) - 1
    ends = [
        place
        for place in range(len(scores))
        if place + 1 == len(scores) or scores[place + 1] < scores[place]
    ]
    best = max(ends, key=lambda place: f1[place])

    def at(place: int) -> dict[str, float]:
        return {
            "precision": float(right[place] / taken[place]), "recall": float(right[place] / true),
            "f1": float(f1[place]), "threshold": float(scores[place]),
        }  # fmt: skip

    return {"default": at(last), "best": at(best)}


if __name__ == "__main__":
    tool, path = sys.argv[1:]
    table = pd.read_csv(path, dtype=str)
    start = time.monotonic()
    scored, natural = {"splink": splink, "recordlinkage": recordlinkage}[tool](table)
    print(json.dumps(figures(scored, table, natural) | {"seconds": time.monotonic() - start}))
