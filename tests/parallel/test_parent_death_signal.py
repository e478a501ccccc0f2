import os

import joblib

from im2latex.parallel.parent_death_signal import delayed


def test_a_task_gives_its_result_here_and_in_a_worker() -> None:
    for workers in (1, 2):
        assert joblib.Parallel(n_jobs=workers)(delayed(pow)(base, 2) for base in range(4)) == [0, 1, 4, 9]


def test_this_process_is_not_bound_to_its_own_parent() -> None:
    [worker] = joblib.Parallel(n_jobs=1)([delayed(os.getpid)()])
    assert worker == os.getpid()
