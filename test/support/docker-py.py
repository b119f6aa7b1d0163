"""docker-py, unchanged, against the daemon of DOCKER_HOST. Each function is one test; the first argument names it."""
import io
import sys
import tarfile
import threading
import time

import docker
from docker.errors import APIError, ContainerError, NotFound
from docker.types import IPAMConfig, IPAMPool, Mount

IMAGE = 'busybox:1.36'
client = docker.from_env()


def refused(status, call, text):
    try:
        call()
    except APIError as error:
        assert error.status_code == status, error
        assert text in error.explanation, error
    else:
        raise AssertionError(f'not refused: {text}')


def networks():
    ipam = IPAMConfig(pool_configs=[IPAMPool(subnet='10.88.0.0/16', iprange='10.88.3.0/24', gateway='10.88.0.1')])
    network = client.networks.create('py', driver='bridge', ipam=ipam, labels={'of': 'py'}, check_duplicate=True)
    web = client.containers.run(IMAGE, 'sleep 1000', detach=True, name='web')
    box = client.containers.run(IMAGE, 'sleep 1000', detach=True, network='py')
    network.connect(web, aliases=['www'], ipv4_address='10.88.9.9')
    network.reload()
    assert {each.name for each in network.containers} == {'web', box.name}, network.attrs
    web.reload()
    place = web.attrs['NetworkSettings']['Networks']['py']
    assert place['IPAddress'] == '10.88.9.9' and 'www' in place['Aliases'], place
    code, output = box.exec_run('ping -c1 -W2 www')
    assert code == 0 and b'10.88.9.9' in output, output
    assert [each.id for each in client.networks.list(filters={'label': 'of=py'})] == [network.id]
    refused(403, network.remove, 'has active endpoints')
    network.disconnect(web)
    web.remove(force=True)
    box.remove(force=True)
    network.remove()
    try:
        client.networks.get('py')
    except NotFound:
        pass
    else:
        raise AssertionError('the network is still there')
    client.networks.create('idle')
    assert client.networks.prune()['NetworksDeleted'] == ['idle']
    refused(400, lambda: client.networks.create('x', ipam=IPAMConfig(pool_configs=[IPAMPool(subnet='wrong')])), 'invalid')


def low_level():
    api = client.api
    api.create_network('low', ipam=IPAMConfig(pool_configs=[IPAMPool(subnet='10.89.0.0/24')]))
    config = api.create_networking_config({'low': api.create_endpoint_config(ipv4_address='10.89.0.77', aliases=['a'])})
    made = api.create_container(
        IMAGE, ['sleep', '1000'], networking_config=config,
        host_config=api.create_host_config(port_bindings={80: ('127.0.0.1', None)}, network_mode='low'), ports=[80],
    )
    api.start(made)
    assert api.inspect_container(made)['NetworkSettings']['Networks']['low']['IPAddress'] == '10.89.0.77'
    [binding] = api.port(made, 80)
    assert binding['HostIp'] == '127.0.0.1' and int(binding['HostPort']) > 1023, binding
    api.remove_container(made, force=True)
    api.remove_network('low')


def running():
    output = client.containers.run(IMAGE, ['sh', '-c', 'echo out; echo err >&2'], remove=True, stdout=True, stderr=True)
    assert sorted(output.split()) == [b'err', b'out'], output
    try:
        client.containers.run(IMAGE, 'false', remove=True)
    except ContainerError as error:
        assert error.exit_status == 1
    else:
        raise AssertionError('false succeeded')
    container = client.containers.run(
        IMAGE, ['sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.2; done; exit 4'], detach=True
    )
    assert b''.join(container.logs(stream=True, follow=True)) == b'1\n2\n3\n'
    assert container.wait()['StatusCode'] == 4
    assert container.logs(tail=1) == b'3\n'
    container.remove()


def execs():
    container = client.containers.run(IMAGE, 'sleep 1000', detach=True, environment={'A': 'a'})
    code, (out, err) = container.exec_run(
        ['sh', '-c', 'echo $A$B; echo err >&2; exit 6'], demux=True, environment={'B': 'b'}, workdir='/bin', user='3'
    )
    assert (code, out, err) == (6, b'ab\n', b'err\n'), (code, out, err)
    _, stream = container.exec_run(['sh', '-c', 'echo one; sleep 0.2; echo two'], stream=True)
    assert b''.join(stream) == b'one\ntwo\n'
    _, socket = container.exec_run('cat', stdin=True, socket=True, tty=True)
    socket._sock.sendall(b'typed\n')
    assert socket.read(5) == b'typed'
    socket.close()
    container.remove(force=True)


def attaching():
    container = client.containers.create(IMAGE, 'cat', stdin_open=True, tty=True)
    socket = container.attach_socket(params={'stdin': 1, 'stdout': 1, 'stream': 1})
    container.start()
    socket._sock.sendall(b'hello\n')
    assert socket.read(5) == b'hello'
    socket.close()
    container.resize(height=40, width=100)
    container.pause()
    assert client.containers.list(filters={'status': 'paused'}) == [container]
    container.unpause()
    container.restart(timeout=0)
    container.stop(timeout=0)
    container.reload()
    assert container.status == 'exited'
    container.rename('renamed')
    assert client.containers.get('renamed').id == container.id
    assert client.containers.prune()['ContainersDeleted'] == [container.id]


def archives():
    container = client.containers.create(IMAGE, 'cat /tmp/in')
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode='w') as archive:
        info = tarfile.TarInfo('in')
        info.size = 6
        archive.addfile(info, io.BytesIO(b'packed'))
    assert container.put_archive('/tmp', data.getvalue())
    chunks, stat = container.get_archive('/tmp/in')
    assert stat['name'] == 'in' and stat['size'] == 6, stat
    with tarfile.open(fileobj=io.BytesIO(b''.join(chunks))) as archive:
        assert archive.extractfile('in').read() == b'packed'
    container.start()
    container.wait()
    assert container.logs() == b'packed'
    assert {'Path': '/tmp/in', 'Kind': 1} in container.diff()
    container.remove()


def events():
    told = []
    stream = client.events(decode=True, filters={'type': 'container'})
    reader = threading.Thread(target=lambda: [told.append(each['Action']) for each in stream])
    reader.start()
    client.containers.run(IMAGE, 'true', remove=True)
    while 'destroy' not in told:
        time.sleep(0.1)
    stream.close()
    reader.join()
    assert [each for each in told if each != 'attach'] == ['create', 'start', 'die', 'destroy'], told


def images():
    with open(sys.argv[2], 'rb') as archive:
        [image] = client.images.load(archive)
    assert IMAGE in image.tags
    assert image.tag('mine', 'now')
    assert client.images.get('mine:now').id == image.id
    assert 'mine:now' in {tag for each in client.images.list('mine') for tag in each.tags}
    client.images.remove('mine:now')
    refused(404, lambda: client.images.get('nothing'), 'No such image: nothing')
    assert sum(len(chunk) for chunk in image.save()) > 100_000


def volumes():
    volume = client.volumes.create('data', labels={'a': 'b'})
    mount = Mount('/data', 'data')
    client.containers.run(IMAGE, ['sh', '-c', 'echo kept > /data/file'], mounts=[mount], remove=True)
    assert client.containers.run(IMAGE, 'cat /data/file', volumes=['data:/data:ro'], remove=True) == b'kept\n'
    assert [each.name for each in client.volumes.list()] == ['data']
    volume.remove()


def health():
    check = {'test': ['CMD', 'true'], 'interval': 200_000_000}
    container = client.containers.run(IMAGE, 'sleep 1000', detach=True, healthcheck=check)
    while container.attrs['State'].get('Health', {}).get('Status') != 'healthy':
        time.sleep(0.1)
        container.reload()
    container.remove(force=True)


def system():
    assert client.ping()
    assert client.version()['Os'] == 'linux'
    assert client.info()['OSType'] == 'linux'
    assert client.df()['Images']


globals()[sys.argv[1]]()
