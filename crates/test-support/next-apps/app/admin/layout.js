import { MARKER } from '../../marker';

export default function Layout({ children }) {
  return <section><p>{MARKER}</p>{children}</section>;
}
