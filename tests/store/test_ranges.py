from motionfit.store.ranges import ranges


def names(numbers) -> list[str]:
    return [f"{i:04d}" for i in numbers]


def test_each_shard_of_many_is_in_one_file_that_its_own_number_names():
    found = ranges(names(range(20)), 1500)
    assert list(found) == ["0000-0007", "0008-0015", "0016-0023"]
    assert [s for held in found.values() for s in held] == names(range(20))
    assert found["0016-0023"] == ["0016", "0017", "0018", "0019"]


def test_few_shards_have_a_file_each_and_more_share_one_by_and_by():
    assert ranges(names(range(3)), 127) == {"0000": ["0000"], "0001": ["0001"], "0002": ["0002"]}
    assert list(ranges(names(range(5)), 128)) == ["0000-0001", "0002-0003", "0004-0005"]
    for total in (64, 100, 200, 511, 512, 2000):
        assert len(ranges(names(range(total)), total)) >= 64


def test_another_shard_leaves_a_shards_file_where_it_is():
    few = ranges(["0003", "0011", "0003"], 512)
    assert few == {"0000-0007": ["0003"], "0008-0015": ["0011"]}
    assert ranges(["0011", "0009"], 512) == {"0008-0015": ["0009", "0011"]}


def test_shards_of_five_digits_are_in_order():
    shards = names(range(9_996, 10_004))
    found = ranges(shards, 12_000)
    assert list(found.items()) == [("9992-9999", shards[:4]), ("10000-10007", shards[4:])]
