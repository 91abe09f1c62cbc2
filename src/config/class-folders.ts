/** Which folders of a part are classes: those directly in it, or those that hold the images. */
export const CLASS_FOLDERS = ['top', 'leaves'] as const;
export type ClassFolders = (typeof CLASS_FOLDERS)[number];
