"""Fits scikit-learn's logistic regression on an exported training set of the flights project and compares it with an artefact.

    python3 logistic_regression.py TRAINING_SET.parquet ARTEFACT FIT_FROM FIT_TO L2

The artefact was fitted on the rows of [FIT_FROM, FIT_TO); those after it are the following week. The preparation (mean imputation,
population standardisation, booleans as 0 and 1, one column per observed category) is written out again here. Coefficients have to agree
within 1e-3, the AUC on the following week within 0.0005.
"""

import datetime as dt
import json
import sys

import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

FLAGS = ("early", "evening")


def payload(path):
    """The artefact's JSON: everything from the first brace on."""
    content = open(path, "rb").read()
    return json.loads(content[content.index(b"{") :])


def columns(table, keep):
    kept = [place for place, time in enumerate(table["event_time"]) if keep(time.timestamp())]
    rows = {name: [values[place] for place in kept] for name, values in table.items()}
    rows["early"] = [hour < 9 for hour in rows["sched_hour"]]
    rows["evening"] = [hour >= 17 for hour in rows["sched_hour"]]
    return rows


def matrix(rows, names, facts=None):
    """Columns in the order of `names`; `facts` of the fitted rows are applied to later ones."""
    parts, labels, found = [], [], {}
    for name in names:
        values = rows[name]
        if name == "carrier":
            categories = facts[name] if facts else sorted({value for value in values if value is not None})
            found[name] = categories
            for category in categories:
                parts.append(np.array([1.0 if value == category else 0.0 for value in values]))
                labels.append((name, category))
            continue
        if name in FLAGS:
            parts.append(np.array(values, dtype=float))
            labels.append((name, None))
            continue
        known = [float(value) for value in values if value is not None]
        mean = float(np.mean(known)) if known else 0.0
        filled = np.array([mean if value is None else float(value) for value in values])
        centre, spread = float(filled.mean()), float(filled.std())
        if facts:
            mean, centre, spread = facts[name]
            filled = np.array([mean if value is None else float(value) for value in values])
        found[name] = (mean, centre, spread)
        parts.append((filled - centre) / (spread or 1.0))
        labels.append((name, None))
    return np.column_stack(parts), labels, found


def weights(artefact):
    """Weight by (column, category), and the intercept."""
    estimator, ours, place = artefact["estimator"]["logistic"], {}, 0
    for column in artefact["preparation"]["columns"]:
        for category in column["encoding"].get("one_hot", {}).get("categories", [None]):
            ours[(column["name"], category)] = float(estimator["weights"][place])
            place += 1
    assert place == len(estimator["weights"])
    return ours, float(estimator["intercept"])


def main():
    table = pq.read_table(sys.argv[1]).to_pydict()
    begin, end = (dt.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() for text in sys.argv[3:5])
    fit, later = columns(table, lambda time: begin <= time < end), columns(table, lambda time: time >= end)
    artefact, l2 = payload(sys.argv[2]), float(sys.argv[5])
    names = [column["name"] for column in artefact["preparation"]["columns"]]
    x, labels, facts = matrix(fit, names)
    y = np.array(fit["label"], dtype=float)
    peer = LogisticRegression(C=1.0 / l2, tol=1e-10, max_iter=10_000).fit(x, y)
    theirs = dict(zip(labels, peer.coef_[0]))
    ours, intercept = weights(artefact)
    assert set(ours) == set(theirs), f"columns differ: {set(ours) ^ set(theirs)}"
    worst = max(abs(ours[label] - theirs[label]) for label in labels)
    worst = max(worst, abs(intercept - float(peer.intercept_[0])))
    x_later, _, _ = matrix(later, names, facts)
    y_later = np.array(later["label"], dtype=float)
    auc_peer = roc_auc_score(y_later, peer.decision_function(x_later))
    auc_ours = roc_auc_score(y_later, x_later @ np.array([ours[label] for label in labels]) + intercept)
    print(json.dumps({"rows": len(y), "columns": len(labels), "worst_coefficient": worst, "auc": auc_ours, "auc_peer": auc_peer}))
    sys.exit(0 if worst <= 1e-3 and abs(auc_peer - auc_ours) <= 5e-4 else 1)


if __name__ == "__main__":
    main()
