"""K-means: it finds blobs, finds the same clusters again, and needs no memory that grows with customers times k."""

from __future__ import annotations

import numpy as np
import pytest

from streamseg.model import clustering
from streamseg.model.clustering import kmeans, nearest
from tests.unit.model.clouds import blobs, shoppers


def test_blobs_of_very_different_size_are_found() -> None:
    points, kind = blobs((400, 60, 30), distance=9.0)
    label, _ = nearest(points, kmeans(points, 3))
    assert {(int(a), int(b)) for a, b in zip(kind, label, strict=True)} == {
        (int(a), int(label[kind == a][0])) for a in range(3)
    }


def test_a_cloud_without_blobs_is_cut_along_its_length() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(2_000, 3)) * (5.0, 1.0, 1.0)
    centres = kmeans(points, 5)
    assert np.all(np.diff(centres[:, 0]) > 1.0)
    assert np.abs(centres[:, 1:]).max() < 0.5


def test_the_error_is_not_far_above_that_of_the_best_of_many_random_starts() -> None:
    points = shoppers(1_500)
    random = np.random.default_rng(0)
    best = min(clustering._improve(points, clustering._spread(points, 6, random))[1] for _ in range(40))
    assert nearest(points, kmeans(points, 6))[1].sum() < 1.15 * best


def test_the_order_of_the_points_does_not_matter() -> None:
    points = shoppers(800)
    shuffled = points[np.random.default_rng(1).permutation(len(points))]
    assert kmeans(shuffled, 4) == pytest.approx(kmeans(points, 4), abs=1e-9)


def test_fewer_distinct_points_than_clusters_give_fewer_clusters() -> None:
    assert kmeans(np.full((60, 3), 0.5), 4).tolist() == [[0.5, 0.5, 0.5]]
    two = np.repeat([[0.0, 0.0], [1.0, 1.0]], 30, axis=0)
    assert sorted(kmeans(two, 4).tolist()) == [[0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize("k", range(1, 9))
def test_every_cluster_has_a_customer_however_many_are_alike(k: int) -> None:
    points = np.round(shoppers(300) * 2.0)
    label, _ = nearest(points, kmeans(points, k))
    assert len(np.unique(label)) == k


@pytest.mark.parametrize("chunk", [1, 7, 500])
def test_labels_do_not_depend_on_how_many_rows_are_taken_at_once(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    points = shoppers(500)
    centres = kmeans(points, 6)
    whole = nearest(points, centres)
    monkeypatch.setattr(clustering, "CHUNK", chunk)
    label, square = nearest(points, centres)
    assert label.tolist() == whole[0].tolist()
    assert square.tolist() == whole[1].tolist()
    assert kmeans(points, 6).tolist() == centres.tolist()
