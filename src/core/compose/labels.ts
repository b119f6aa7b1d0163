/** The labels by which docker-compose, and so everybody, knows what belongs to a project. */
const PREFIX = 'com.docker.compose';

export const PROJECT = `${PREFIX}.project`;
export const SERVICE = `${PREFIX}.service`;
export const NUMBER = `${PREFIX}.container-number`;
export const ONE_OFF = `${PREFIX}.oneoff`;
export const CONFIG_HASH = `${PREFIX}.config-hash`;
export const CONFIG_FILES = `${PREFIX}.project.config_files`;
export const WORKING_FOLDER = `${PREFIX}.project.working_dir`;
export const NETWORK = `${PREFIX}.network`;
export const VOLUME = `${PREFIX}.volume`;
export const VERSION = `${PREFIX}.version`;

/** The release of docker-compose whose names, labels and behaviour these are. */
export const COMPOSE_VERSION = '1.29.2';
