"""Classification: what is counted chunk by chunk is what scikit-learn says of all at once."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest

from edgeloop.errors import NotAvailableError
from edgeloop.metrics import classification
from edgeloop.metrics.classification import AVERAGED, ClassificationTally, averages
from edgeloop.metrics.evaluation import Evaluation
from edgeloop.metrics.scikit_learn import require_sklearn
from edgeloop.spec.metrics import MetricOptions

metrics = pytest.importorskip("sklearn.metrics", reason="pip install scikit-learn")


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def data(n: int = 400, classes: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels of unequal frequency, one class never a label, and scores that often agree."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(classes - 1, n, p=np.arange(1, classes) / sum(range(1, classes)))
    logits = generator.normal(size=(n, classes))
    logits[np.arange(n), labels] += 1.2
    return logits, labels


def tally(scores: np.ndarray, labels: np.ndarray, step: float = 0.0, **said: Any) -> Any:
    found = ClassificationTally(scores.shape[1], len(labels), MetricOptions(**said), step, seed=0)
    for start in range(0, len(labels), 61):
        found.add(scores[start : start + 61].astype(np.float64), labels[start : start + 61])
    return found


def test_every_metric_is_scikit_learns() -> None:
    logits, labels = data()
    scores = softmax(logits)
    answers = scores.argmax(axis=1)
    document = tally(scores, labels, top_k=3).as_dict()
    assert document["n"] == 400
    assert document["accuracy"] == metrics.accuracy_score(labels, answers)
    assert document["correct"] == (answers == labels).sum()
    assert document["top_3_accuracy"] == metrics.top_k_accuracy_score(
        labels, scores, k=3, labels=range(7)
    )
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        balanced = metrics.balanced_accuracy_score(labels, answers)
    assert document["balanced_accuracy"] == pytest.approx(balanced)
    for average in ("macro", "micro", "weighted"):
        options = {"average": average, "zero_division": 0.0}
        for name in ("precision", "recall", "f1"):
            theirs = getattr(metrics, f"{name}_score")(labels, answers, **options)
            assert document[f"{name}_{average}"] == pytest.approx(theirs), (name, average)
    theirs = metrics.log_loss(labels, scores, labels=range(7))
    assert document["log_loss"] == pytest.approx(theirs)
    matrix = np.zeros((7, 7), int)
    for label, answer, count in document["confusion_matrix"]["label_answer_count"]:
        matrix[label, answer] = count
    assert np.array_equal(matrix, metrics.confusion_matrix(labels, answers, labels=range(7)))


def test_every_value_lies_in_its_interval() -> None:
    logits, labels = data()
    document = tally(softmax(logits), labels, top_k=2).as_dict()
    names = [name[: -len("_ci95")] for name in document if name.endswith("_ci95")]
    assert {"accuracy", "top_2_accuracy", "log_loss", "f1_macro", *AVERAGED} <= set(names)
    for name in names:
        low, high = document[f"{name}_ci95"]
        assert low < document[name] < high, name
    json.dumps(document)


def test_averages_of_one_weighting_are_scikit_learns() -> None:
    logits, labels = data()
    found = tally(softmax(logits), labels)
    cells, counts = found.confusion()
    values = dict(zip(AVERAGED, averages(cells, counts[np.newaxis].astype(float))[0]))
    document = found.as_dict()
    for name, value in values.items():
        assert value == pytest.approx(document[name]), name


def test_averages_of_a_resample_are_those_of_its_samples() -> None:
    logits, labels = data(60)
    cells, counts = tally(softmax(logits), labels).confusion()
    weights = np.random.default_rng(1).multinomial(60, counts / 60, size=20).astype(float)
    for row, values in zip(weights, averages(cells, weights)):
        drawn = np.repeat(cells, row.astype(int), axis=0)
        theirs = metrics.f1_score(drawn[:, 0], drawn[:, 1], average="macro", zero_division=0.0)
        assert values[AVERAGED.index("f1_macro")] == pytest.approx(theirs)
        theirs = metrics.recall_score(
            drawn[:, 0], drawn[:, 1], labels=np.unique(drawn[:, 0]), average="macro"
        )
        assert values[AVERAGED.index("balanced_accuracy")] == pytest.approx(theirs)


def test_of_equal_scores_the_first_counts() -> None:
    scores = np.array([[0.5, 0.5, 0.0], [0.2, 0.4, 0.4], [1 / 3, 1 / 3, 1 / 3]])
    found = tally(scores, np.array([1, 1, 2]))
    assert found.top(1).count == 1
    assert found.top(2).count == 2
    assert found.top(3).count == 3


def test_a_perfect_model_says_why_some_intervals_are_missing() -> None:
    scores = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    document = tally(scores, np.array([0, 1, 2, 0, 1, 2])).as_dict()
    assert document["accuracy"] == document["f1_macro"] == 1.0
    assert document["accuracy_ci95"][0] < 1.0
    assert document["f1_macro_ci95"] is None
    assert "does not change it" in document["f1_macro_ci95_reason"]
    assert document["log_loss"] == 0.0


def test_logits_have_no_log_loss_unless_their_softmax_is_taken() -> None:
    logits, labels = data()
    document = tally(logits, labels).as_dict()
    assert document["log_loss"] is None
    assert "not probabilities" in document["log_loss_reason"]
    assert "--softmax" in document["log_loss_reason"]
    document = tally(logits * 50, labels, softmax=True).as_dict()
    # scikit-learn clips a probability of 1e-16 to that of the dtype; large logits show it is not.
    theirs = -np.log(np.maximum(softmax(logits * 50), 1e-300))[np.arange(len(labels)), labels]
    assert document["log_loss"] == pytest.approx(theirs.mean())


def test_quantised_probabilities_need_not_add_up_exactly() -> None:
    logits, labels = data(classes=10)
    stored = np.maximum(np.rint(softmax(logits) * 256), 1) / 256
    assert np.abs(stored.sum(axis=1) - 1).max() > 1e-3
    rows = stored / stored.sum(axis=1, keepdims=True)
    theirs = metrics.log_loss(labels, rows, labels=range(10))
    assert tally(stored, labels, step=1 / 256).as_dict()["log_loss"] == pytest.approx(theirs)
    assert tally(stored * 3, labels, step=1 / 256).as_dict()["log_loss"] is None


def test_many_small_probabilities_that_were_rounded_to_nothing_are_still_probabilities() -> None:
    generator = np.random.default_rng(0)
    # A softmax over many classes: its tail is below half a step and all rounded down.
    exact = softmax(generator.normal(scale=2.0, size=(50, 1001)))
    labels = exact.argmax(axis=1)
    stored = np.rint(exact * 256) / 256
    sums = stored.sum(axis=1)
    assert sums.min() < 0.8
    document = tally(stored, labels, step=1 / 256).as_dict()
    own = stored[np.arange(50), labels] / sums
    assert document["log_loss"] == pytest.approx(-np.log(own).mean())
    assert f"sum to {sums.min():.2f} to" in document["log_loss_note"]
    # Where nothing is quantised, and for values that are not probabilities, there is none.
    assert tally(stored, labels).as_dict()["log_loss"] is None
    assert tally(stored / 4, labels, step=1 / 256).as_dict()["log_loss"] is None


def test_a_probability_of_nothing_has_no_log_loss() -> None:
    document = tally(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]), step=1 / 256).as_dict()
    assert document["log_loss"] is None
    assert "a label's probability is 0 (the output is quantised" in document["log_loss_reason"]


def test_two_classes_have_no_top_5() -> None:
    document = tally(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 0])).as_dict()
    assert not any(name.startswith("top_") for name in document)


def test_without_scikit_learn_there_is_the_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        classification, "why_no_sklearn", lambda: "scikit-learn is not installed; ..."
    )
    logits, labels = data()
    document = tally(softmax(logits), labels).as_dict()
    assert document["accuracy"] == (logits.argmax(axis=1) == labels).mean()
    assert document["log_loss"] is not None
    assert document["f1_macro"] is None
    assert "scikit-learn is not installed" in document["f1_macro_reason"]


def test_eval_says_how_scikit_learn_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    require_sklearn()
    monkeypatch.setattr("edgeloop.metrics.scikit_learn.find_spec", lambda name: None)
    with pytest.raises(NotAvailableError, match=r"pip install 'edgeloop\[eval\]'"):
        require_sklearn()


def test_counting_imports_nothing_heavy() -> None:
    import subprocess

    code = (
        "import sys, numpy; from edgeloop.metrics.evaluation import Evaluation; "
        "from edgeloop.spec.metrics import MetricOptions; "
        "e = Evaluation(2, MetricOptions(), 0.0, 0); "
        "e.add(numpy.eye(2), numpy.array([0, 1])); "
        "print([name for name in ('sklearn', 'scipy', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def evaluated(scores: np.ndarray, labels: np.ndarray, **said: Any) -> Evaluation:
    found = Evaluation(len(labels), MetricOptions(**said), 0.0, seed=0)
    for start in range(0, len(labels), 3):
        found.add(scores[start : start + 3], labels[start : start + 3])
    return found


def test_labels_shifted_by_a_background_class_are_noticed() -> None:
    logits, labels = data()
    right = evaluated(logits, labels)
    assert right.label_shift() is None
    shifted = evaluated(logits[labels > 0], labels[labels > 0] - 1).label_shift()
    assert shifted is not None
    offset, now, then = shifted
    assert offset == 1
    assert then > 3 * now


@pytest.mark.parametrize(("k", "told"), [(5, False), (7, True), (50, True)])
def test_more_best_classes_than_there_are_is_told_where_it_was_asked_for(
    k: int, told: bool
) -> None:
    logits, labels = data()
    document = tally(softmax(logits)[:, :5], labels % 5, top_k=k).as_dict()
    assert (f"top_{k}_accuracy" in document) == told
    if told:
        assert document[f"top_{k}_accuracy"] is None
        assert document[f"top_{k}_accuracy_reason"] == "the model has 5 classes"
