"""Writes fixtures/sklearn.json: rows, and what scikit-learn learns from them.

The Rust tests in `sklearn.rs` fit the same rows and compare. Run again only when a case is added:
    pip install scikit-learn numpy && python3 sklearn_oracle.py
"""

import json
import pathlib

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import brier_score_loss, log_loss, mean_squared_error, r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS, FITTED = 300, 200
NUMBERS = ["distance", "late_share", "temp"]
CARRIERS = ["AA", "B6", "DL", "UA"]


def rows(random):
    distance = random.integers(80, 2500, ROWS)
    late_share = np.round(random.beta(2, 6, ROWS), 4)
    # Nearly a copy of late_share: the penalty has to share the weight as scikit-learn does.
    temp = np.round(late_share * 50 + random.normal(0, 1.5, ROWS), 3)
    carrier = random.choice(CARRIERS, ROWS, p=[0.4, 0.3, 0.2, 0.1])
    early = random.random(ROWS) < 0.3
    missing = {name: random.random(ROWS) < 0.1 for name in ["late_share", "temp", "carrier"]}
    return [
        {
            "distance": int(distance[i]),
            "late_share": None if missing["late_share"][i] else float(late_share[i]),
            "temp": None if missing["temp"][i] else float(temp[i]),
            "carrier": None if missing["carrier"][i] else str(carrier[i]),
            "early": bool(early[i]),
        }
        for i in range(ROWS)
    ]


def matrix(items):
    numbers = np.array([[np.nan if row[name] is None else row[name] for name in NUMBERS] for row in items], dtype=float)
    carrier = np.array([[row["carrier"]] for row in items], dtype=object)
    early = np.array([[float(row["early"])] for row in items])
    return np.hstack([numbers.astype(object), carrier, early.astype(object)])


def preparation():
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="mean"), StandardScaler()), [0, 1, 2]),
            (
                "carrier",
                make_pipeline(
                    SimpleImputer(strategy="most_frequent", missing_values=None),
                    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                ),
                [3],
            ),
            ("early", "passthrough", [4]),
        ]
    )


def signal(items, random):
    score = [
        0.9 * ((row["late_share"] or 0.25) * 8 - 2)
        + (0.8 if row["carrier"] == "B6" else 0.0)
        - (0.7 if row["early"] else 0.0)
        - row["distance"] / 4000
        for row in items
    ]
    return np.array(score) + random.logistic(0, 1, ROWS)


def classifier(prepared, labels, l2):
    model = LogisticRegression(C=1 / l2, tol=1e-12, max_iter=100_000, solver="newton-cholesky")
    model.fit(prepared[:FITTED], labels[:FITTED])
    probabilities = model.predict_proba(prepared)[:, list(model.classes_).index(True)]
    held = slice(FITTED, ROWS)
    return {
        "weights": model.coef_[0].tolist(),
        "intercept": float(model.intercept_[0]),
        "predictions": probabilities.tolist(),
        "metrics": {
            "auc": roc_auc_score(labels[held], probabilities[held]),
            "log_loss": log_loss(labels[held], probabilities[held]),
            "brier": brier_score_loss(labels[held], probabilities[held]),
        },
    }


def regressor(prepared, labels, model):
    model.fit(prepared[:FITTED], labels[:FITTED])
    predictions = model.predict(prepared)
    held = slice(FITTED, ROWS)
    return {
        "weights": model.coef_.tolist(),
        "intercept": float(model.intercept_),
        "predictions": predictions.tolist(),
        "metrics": {
            "rmse": float(np.sqrt(mean_squared_error(labels[held], predictions[held]))),
            "r2": r2_score(labels[held], predictions[held]),
        },
    }


def main():
    random = np.random.default_rng(20130310)
    items = rows(random)
    prepare = preparation().fit(matrix(items[:FITTED]))
    prepared = prepare.transform(matrix(items)).astype(float)
    score = signal(items, random)
    cases = []
    for share in (0.2, 0.6):
        labels = score > np.quantile(score, 1 - share)
        for l2 in (1.0, 0.05, 30.0):
            case = {"algorithm": "logistic_regression", "l2": l2, "labels": labels.astype(float).tolist()}
            cases.append(case | classifier(prepared, labels, l2))
    delays = np.round(score * 12 + 5, 3)
    for l2, model in ((0.0, LinearRegression()), (2.5, Ridge(alpha=2.5, solver="cholesky"))):
        case = {"algorithm": "linear_regression", "l2": l2, "labels": delays.tolist()}
        cases.append(case | regressor(prepared, delays, model))
    ties = np.round(random.random(300), 1)
    outcomes = random.random(300) < ties
    fixture = {
        "fitted": FITTED,
        "rows": items,
        "cases": cases,
        "ties": {
            "scores": ties.tolist(),
            "labels": outcomes.astype(float).tolist(),
            "auc": roc_auc_score(outcomes, ties),
            "brier": brier_score_loss(outcomes, ties),
        },
    }
    target = pathlib.Path(__file__).parent / "fixtures" / "sklearn.json"
    target.write_text(json.dumps(fixture, separators=(",", ":")) + "\n")


main()
