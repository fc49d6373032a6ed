from motionfit.store.ranges import ranges


def test_each_shard_is_in_one_file_that_its_own_number_names():
    found = ranges(f"{i:04d}" for i in range(20))
    assert list(found) == ["0000-0007", "0008-0015", "0016-0023"]
    assert [s for held in found.values() for s in held] == [f"{i:04d}" for i in range(20)]
    assert found["0016-0023"] == ["0016", "0017", "0018", "0019"]


def test_another_shard_leaves_a_shards_file_where_it_is():
    few = ranges(["0003", "0011", "0003"])
    assert few == {"0000-0007": ["0003"], "0008-0015": ["0011"]}
    assert ranges(["0011", "0009"]) == {"0008-0015": ["0009", "0011"]}


def test_shards_of_five_digits_are_in_order():
    names = [f"{i:04d}" for i in range(9_996, 10_004)]
    assert ranges(names) == {"9992-9999": names[:4], "10000-10007": names[4:]}
