/**
 * Permission bits of what the processes of an application pass through on the way to their program and their workspace.
 * Nothing there can be listed, and everything in it that is not theirs is closed by its own bits. What keeps the others
 * out is the directory of the installation: it belongs to the group of its account alone. Where the instances run as the
 * manager's own user it is 0700, like everything else.
 */

/** Whoever got this far may go on. */
export const PASSABLE = 0o711;

/** The directory of an installation with an account: its group may go on, nobody else. */
export const GROUP_PASSABLE = 0o710;

/** Logs are made by the manager. The application may put more beside them, and remove what is its own. */
export const LOGS_MODE = 0o1770;

/** Whoever can reach it may run it. That is for root and the installations with a link to it, and nobody can write. */
export const BINARY_MODE = 0o555;

/** What an application has beside its program, it may read and list. */
export const PACKAGE_FILE_MODE = 0o444;
export const PACKAGE_DIRECTORY_MODE = 0o755;
